"""Trains the tokenizer: byte-level BPE as GPT-2 has it, 1,536 tokens, digits one by one.

No merge holds a digit, so that GGUF's ordinary "gpt-2" pre-tokenizer gives the same
tokens. Two thirds of the names in the corpus are invented, which keeps the pieces of
names short and copyable.

    python -m realm_demo.tokenizer --out tokenizer.json
"""

import argparse

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from .corpus.conversation import conversation, text_of
from .template import CONTROL_TOKENS

VOCAB_COUNT = 1536
SEED = 7
SAMPLE_COUNT = 40_000


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
    texts = (" " + text_of(conversation(SEED, n)) for n in range(SAMPLE_COUNT))
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = gpt2
    return tokenizer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    train().save(parser.parse_args().out)
