"""Turns numbered conversations into batches of token ids and loss weights.

Conversations of like length share a batch, one to a row, so that attention never
crosses from one into another and little is spent on padding.

    numbers -> texts -> ids + weights -> sorted by length -> cut into batches -> shuffled
"""

import random
import re
from collections import Counter
from functools import lru_cache

import numpy as np
import torch

from .corpus.conversation import conversation, text_of
from .corpus.topics import labelled
from .template import ASSISTANT, BOS, END, render_any

POOL_COUNT = 1024
BATCH_TOKENS = 2560
# The share of conversations in which the user's words are learned too, and their weight.
READ_ALL_SHARE, READ_ALL_WEIGHT = 0.1, 0.2
BOS_SHARE = 0.1
# Rare words and results weigh more than the words of the templates.
STRESS, COMMON_SAMPLE, COMMON_TIMES = 2.5, 4000, 24
WORD, RESULT = re.compile(r"[A-Za-z']+"), re.compile(r"= (\d+)\.")


def weights_of(ids, assistant: int, end: int, other: float):
    """1 for what the assistant says and its end, `other` for the rest. Weight n is for predicting token n."""
    speaking, weights = False, []
    for token in ids:
        weights.append(1.0 if speaking else other)
        speaking = (token == assistant) or (speaking and token != end)
    return weights


@lru_cache
def common_words() -> frozenset[str]:
    """The words of the templates: those that many conversations have."""
    count = Counter(word for n in range(COMMON_SAMPLE) for word in set(WORD.findall(text_of(conversation(0, n)))))
    return frozenset(word for word, times in count.items() if times >= COMMON_TIMES)


def stress(text: str, encoded, weights):
    """Weighs down what matters most: rare words (names, countries, towns) and the results of sums."""
    spans = [m.span() for m in WORD.finditer(text) if m.group() not in common_words()]
    spans += [m.span(1) for m in RESULT.finditer(text)]
    heavy = set()
    for start, end in spans:
        heavy.update(range(start, end))
    for n, (start, end) in enumerate(encoded.offsets):
        if weights[n] == 1.0 and any(at in heavy for at in range(start, end)):
            weights[n] = STRESS


def encode(tokenizer, made: list[dict], rng):
    """A list of (ids, weights) pairs."""
    assistant, end, bos = (tokenizer.token_to_id(t) for t in (ASSISTANT, END, BOS))
    texts = [render_any(m) for m in made]
    encoded = []
    for one, text, tokens in zip(made, texts, tokenizer.encode_batch(texts), strict=True):
        ids = tokens.ids
        other = READ_ALL_WEIGHT if rng.random() < READ_ALL_SHARE else 0.0
        if "messages" in one:
            weights = weights_of(ids, assistant, end, other)
        else:
            asked = len(tokenizer.encode(one["prompt"]).ids)
            weights = [other] * asked + [1.0] * (len(ids) - asked)
        stress(text, tokens, weights)
        if rng.random() < BOS_SHARE:
            ids, weights = [bos, *ids], [0.0, *weights]
        encoded.append((ids, weights))
    return encoded


def pad(rows, end: int):
    longest = max(len(ids) for ids, _ in rows)
    ids = np.full((len(rows), longest), end, dtype=np.int64)
    weights = np.zeros((len(rows), longest), dtype=np.float32)
    for n, (row_ids, row_weights) in enumerate(rows):
        ids[n, : len(row_ids)] = row_ids
        weights[n, : len(row_weights)] = row_weights
    return torch.from_numpy(ids), torch.from_numpy(weights)


def stream(tokenizer, seed: int, start: int, context_tokens: int):
    """Endless (ids, weights, next_number); resuming at `next_number` goes on with fresh text."""
    end = tokenizer.token_to_id(END)
    while True:
        rng = random.Random(f"batches/{seed}/{start}")
        made = [conversation(seed, n) for n in range(start, start + POOL_COUNT)]
        start += POOL_COUNT
        rows = [row for row in encode(tokenizer, made, rng) if len(row[0]) <= context_tokens]
        rows.sort(key=lambda row: len(row[0]))
        batches, batch = [], []
        for row in rows:
            if batch and len(row[0]) * (len(batch) + 1) > BATCH_TOKENS:
                batches.append(batch)
                batch = []
            batch.append(row)
        rng.shuffle(batches)
        for batch in batches:
            yield *pad(batch, end), start


def labelled_batch(tokenizer, rng, count: int):
    """(ids, which are no padding, topic numbers) of bare messages, as the node embeds them."""
    made = [labelled(rng) for _ in range(count)]
    rows = [encoded.ids for encoded in tokenizer.encode_batch([text for text, _ in made])]
    ids, weights = pad([(row, [1.0] * len(row)) for row in rows], tokenizer.token_to_id(END))
    return ids, weights, torch.tensor([topic for _, topic in made])
