"""Compares a node's vectors with reference.json. Needs nothing but Python.

    python check.py http://127.0.0.1:9944 FOLDER_OF_THE_MODEL
"""
import json
import math
import sys
import urllib.request
from pathlib import Path

COSINE_MIN = 0.9999
# What --embedding-model is called.
MODEL = "embedding"


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def cosine(a, b):
    length = lambda v: math.sqrt(sum(x * x for x in v))
    return sum(x * y for x, y in zip(a, b, strict=True)) / (length(a) * length(b))


def main():
    node = sys.argv[1]
    reference = json.loads(Path(__file__).with_name("reference.json").read_text())
    assert len(reference) == 20

    def embed(texts):
        answer = post(f"{node}/v1/embeddings", {"model": MODEL, "input": texts})
        return [item["embedding"] for item in answer["data"]], answer["usage"]["prompt_tokens"]

    worst = 1.0
    alone = []
    for row in reference:
        (vector,), tokens = embed([row["text"]])
        assert tokens == row["tokens"], f"{row['text'][:40]!r}: {tokens} tokens, {row['tokens']} expected"
        assert abs(math.sqrt(sum(x * x for x in vector)) - 1) < 1e-5
        worst = min(worst, cosine(vector, row["vector"]))
        alone.append(vector)
    assert worst >= COSINE_MIN, f"cosine {worst}"
    together, tokens = embed([row["text"] for row in reference])
    assert together == alone, "a vector depends on its neighbours"
    assert tokens == sum(row["tokens"] for row in reference)

    info = post(f"{node}/call/get_model_info", {})
    info = info.get("result", info)
    assert info["embedding_source"] == "embedding_model" and info["embedding_length"] == 384, info
    print(f"20 sentences: least cosine {worst:.8f}; a batch of 20 gives the same vectors as one by one")


if __name__ == "__main__":
    main()
