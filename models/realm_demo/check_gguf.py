"""Checks an exported GGUF file against training's tokenizer and template.

    python -m realm_demo.check_gguf --gguf realm-demo.gguf --tokenizer tokenizer.json

Every text must give the same ids from the file's metadata as from training's
tokenizer, come back unchanged, and the file's chat template must render what
training rendered.
"""

import argparse
import random

from gguf import GGUFReader
from jinja2 import Environment
from tokenizers import Tokenizer

from .corpus.conversation import conversation
from .gguf_read import field, read_tokenizer
from .template import render, render_any

ODD_TEXTS = ["", " ", "\n\n  \t", "1234567890", "a 47+38=85!", "Grüße, 世界 🌍", "don't we'll I'M", "<|end|> <|user|>x", "\x00\x7f", "  two  spaces "]


def texts(count: int):
    rng = random.Random(11)
    yield from ODD_TEXTS
    for n in range(count):
        yield render_any(conversation(12, n))
        yield "".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(160, 0x2FFF), rng.randrange(0x1F300, 0x1F600)))) for _ in range(40))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--tokenizer", required=True)
    args = parser.parse_args()
    reader = GGUFReader(args.gguf)
    trained, exported = Tokenizer.from_file(args.tokenizer), read_tokenizer(reader)
    count = 0
    for text in texts(2000):
        ids = exported.encode(text).ids
        assert ids == trained.encode(text).ids, text
        assert exported.decode(ids, skip_special_tokens=False) == text, text
        count += 1
    template = Environment(trim_blocks=True, lstrip_blocks=True).from_string(field(reader, "tokenizer.chat_template"))
    for n in range(500):
        made = conversation(13, n)
        if "messages" in made:
            for prompt in (False, True):
                assert template.render(messages=made["messages"], add_generation_prompt=prompt) == render(made["messages"], prompt)
            count += 1
    print(count, "texts agree")


if __name__ == "__main__":
    main()
