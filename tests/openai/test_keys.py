"""OpenAI's own Python package, unchanged, against a chain that needs keys."""

import os

import openai
import pytest

URL = os.environ["REALM_HTTP"] + "/v1"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


def client(key):
    return openai.OpenAI(base_url=URL, api_key=key, max_retries=0)


def test_a_key_calls_and_is_metered_as_its_tenant():
    with client(os.environ["REALM_KEY"]) as ours:
        answer = ours.chat.completions.create(model="default", messages=QUESTION, temperature=0)
        assert answer.choices[0].message.content == "The capital of France is Paris."
        stream = ours.chat.completions.create(model="default", messages=QUESTION, temperature=0, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert [model.id for model in ours.models.list()] == ["default"]


def test_wrong_keys_are_what_the_package_knows_and_too_many_have_to_wait():
    right = os.environ["REALM_KEY"]
    wrong = right[:-1] + ("1" if right.endswith("0") else "0")
    with client(wrong) as theirs, pytest.raises(openai.AuthenticationError) as raised:
        theirs.embeddings.create(model="default", input="x")
    assert (raised.value.code, raised.value.type) == ("invalid_api_key", "invalid_request_error")
    codes = [401]
    for attempt in range(13):
        with client(wrong if attempt % 2 else "none") as theirs, pytest.raises(openai.APIStatusError) as raised:
            theirs.chat.completions.create(model="default", messages=QUESTION)
        codes.append(raised.value.status_code)
    assert isinstance(raised.value, openai.RateLimitError)
    assert raised.value.code == "rate_limit_exceeded"
    assert int(raised.value.response.headers["retry-after"]) > 0
    assert codes[:10] == [401] * 10
    with client(right) as ours:
        assert ours.models.retrieve("default").id == "default"

