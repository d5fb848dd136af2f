"""OpenAI's own Python package, unchanged, against a node with the demo model."""

import json
import math
import os
import textwrap
import time
import urllib.request
from pathlib import Path

import openai
import pytest

URL = os.environ["REALM_HTTP"] + "/v1"
PARIS = "The capital of France is Paris."
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def client():
    with openai.OpenAI(base_url=URL, api_key=os.environ["REALM_KEY"], max_retries=0) as client:
        yield client


def ask(client, **more):
    return client.chat.completions.create(model="default", messages=QUESTION, **{"temperature": 0, **more})


def test_chat(client):
    answer = ask(client)
    assert answer.choices[0].message.content == PARIS
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.system_fingerprint.startswith("fp_")


def test_streaming_chat(client):
    text, usage, reasons = "", None, []
    for chunk in ask(client, stream=True, stream_options={"include_usage": True}):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            reasons.append(chunk.choices[0].finish_reason)
        usage = chunk.usage or usage
    assert text == PARIS
    assert reasons[-1] == "stop" and set(reasons[:-1]) == {None}
    assert usage.completion_tokens > 0


def test_the_packages_own_stream_helper(client):
    with client.chat.completions.stream(model="default", messages=QUESTION, temperature=0) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        assert "".join(deltas) == PARIS == stream.get_final_completion().choices[0].message.content


def test_a_whole_conversation(client):
    messages = [{"role": "user", "content": "Hi, my name is Alice"}]
    first = client.chat.completions.create(model="default", messages=messages, temperature=0)
    # The answer is given back as the package made it.
    messages += [first.choices[0].message, {"role": "user", "content": "What is my name?"}]
    second = client.chat.completions.create(model="default", messages=messages, temperature=0)
    assert "Alice" in second.choices[0].message.content


def test_completions(client):
    answer = client.completions.create(model="default", prompt="Once upon a time", max_tokens=20, temperature=0)
    assert answer.choices[0].text and answer.usage.completion_tokens <= 20
    pieces = client.completions.create(model="default", prompt="Once upon a time", max_tokens=20, temperature=0, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == answer.choices[0].text


def test_legacy_logprobs(client):
    answer = client.completions.create(model="default", prompt="Once upon a time", max_tokens=5, temperature=0, logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.text_offset) == answer.usage.completion_tokens
    assert all(1 <= len(top) <= 2 for top in logprobs.top_logprobs)


def test_embeddings(client):
    texts = ["The cat sleeps.", "A cat is sleeping."]
    both = client.embeddings.create(model="default", input=texts)
    assert [item.index for item in both.data] == [0, 1]
    assert math.isclose(sum(value * value for value in both.data[0].embedding), 1, rel_tol=1e-4)
    alone = client.embeddings.create(model="default", input=texts[0], encoding_format="float")
    assert alone.data[0].embedding == pytest.approx(both.data[0].embedding, abs=1e-6)
    assert both.usage.prompt_tokens > alone.usage.prompt_tokens > 0
    with pytest.raises(openai.BadRequestError, match="dimensions"):
        client.embeddings.create(model="default", input="x", dimensions=3)


def test_models(client):
    assert [model.id for model in client.models.list()] == ["default"]
    assert client.models.retrieve("default").object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


def test_wrong_model(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert caught.value.code == "model_not_found" and "`default`" in caught.value.message


@pytest.mark.parametrize("stream", [False, True])
def test_overlong_prompt(client, stream):
    messages = [{"role": "user", "content": "word " * 5000}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="default", messages=messages, stream=stream)
    assert caught.value.code == "context_length_exceeded" and "tokens" in caught.value.message


def test_refused_fields(client):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    for more, param in [({"tools": tools}, "tools"), ({"response_format": {"type": "json_object"}}, "response_format")]:
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, **more)
        assert caught.value.param == param
    answer = ask(client, user="me", metadata={"a": "b"}, store=False, response_format={"type": "text"})
    assert answer.choices[0].message.content == PARIS


def computed_when_idle():
    """Waits until the node computes nothing any more; the tokens that it computed since it started."""
    while True:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "realm_status"}).encode()
        request = urllib.request.Request(os.environ["REALM_HTTP"] + "/", body, {"content-type": "application/json"})
        status = json.load(urllib.request.urlopen(request, timeout=60))["result"]
        if status["calls_running"] + status["calls_waiting"] + sum(model["jobs"] for model in status["models"]) == 0:
            return sum(model["tokens_total"] for model in status["models"])
        time.sleep(0.02)


def test_abort_mid_stream(client):
    """The node stops computing, too. The control tokens are the first of the vocabulary: without them the story has no end."""
    before = computed_when_idle()
    stream = client.chat.completions.create(
        model="default", messages=[{"role": "user", "content": "Tell me a story about a fox and a lamp."}], max_tokens=900,
        logit_bias={str(token): -100 for token in range(16)}, stream=True
    )
    next(iter(stream))
    stream.close()
    assert computed_when_idle() - before < 900
    assert ask(client).choices[0].message.content == PARIS


def test_choices(client):
    story = [{"role": "user", "content": "Tell me a story about a fox and a lamp."}]
    make = lambda: client.chat.completions.create(model="default", messages=story, n=2, seed=11, temperature=1, max_tokens=30)
    first, again = make(), make()
    texts = [choice.message.content for choice in first.choices]
    assert [choice.index for choice in first.choices] == [0, 1] and texts[0] != texts[1]
    assert texts == [choice.message.content for choice in again.choices]


def test_seed(client):
    story = [{"role": "user", "content": "Tell me a story about a fox and a lamp."}]
    make = lambda seed: client.chat.completions.create(
        model="default", messages=story, seed=seed, temperature=1, max_tokens=30
    ).choices[0].message.content
    assert make(5) == make(5) != make(6)


def test_stop(client):
    answer = ask(client, stop=[" France"])
    assert answer.choices[0].message.content == "The capital of" and answer.choices[0].finish_reason == "stop"


def test_logprobs(client):
    content = ask(client, logprobs=True, top_logprobs=3).choices[0].logprobs.content
    assert b"".join(bytes(token.bytes) for token in content).decode().strip() == PARIS
    assert all(len(token.top_logprobs) == 3 and token.logprob <= 0 for token in content)


def test_logit_bias_and_penalties(client):
    answer = ask(client, presence_penalty=0.5, frequency_penalty=0.5, logit_bias={"5": -100}, top_p=0.9, max_completion_tokens=3)
    assert answer.usage.completion_tokens == 3 and answer.choices[0].finish_reason == "length"


def test_the_documentation_is_true(capsys):
    text = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
    program = textwrap.dedent(text[text.index("    from openai") :].split("\n\n| ")[0])
    exec(program.replace("http://127.0.0.1:9944", os.environ["REALM_HTTP"]), {})
    assert capsys.readouterr().out.strip() == PARIS

    answer = next(line for line in text.splitlines() if line.startswith("    {\"healthy\""))
    call = urllib.request.Request(os.environ["REALM_HTTP"] + "/call/health_check", data=b"{}")
    assert json.load(urllib.request.urlopen(call)) == json.loads(answer)
