"""Trains the tokenizer: byte-level BPE as GPT-2 has it, 1,088 tokens, digits one by one.

No merge holds a digit, so that GGUF's ordinary "gpt-2" pre-tokenizer gives the same
tokens. To the conversations, whose words are few, a good part of invented words is
added: otherwise a quarter of the tokens would be beginnings of the corpus' own longer
words, hardly met in training, and a word that begins with one could not be copied.

    python -m realm_demo.tokenizer --out tokenizer.json
"""

import argparse
import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from .corpus.conversation import conversation, text_of
from .corpus.words import pick
from .template import CONTROL_TOKENS

VOCAB_COUNT = 1088
SEED = 7
SAMPLE_COUNT = 20_000
# Invented and spliced words after every conversation.
LOOSE_WORDS = 24


def texts():
    for n in range(SAMPLE_COUNT):
        rng = random.Random(f"tokenizer/{SEED}/{n}")
        loose = " ".join(pick(rng, rng.choice(("names", "things", "towns"))) for _ in range(LOOSE_WORDS))
        yield f" {text_of(conversation(SEED, n))} {loose}"


def train() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_COUNT,
        special_tokens=list(CONTROL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.pre_tokenizer = gpt2
    return tokenizer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    train().save(parser.parse_args().out)
