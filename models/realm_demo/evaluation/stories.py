"""Is a story whole? Both named in it, no loops, sentences that end, words that exist.

A model that has lost its way invents words, repeats itself, or stops in the middle;
these are what the checks look for. A word exists when the story grammar or the
request has it.
"""

import re
from functools import lru_cache
from string import Formatter

from ..corpus import stories
from ..corpus.words import lists

SENTENCE = re.compile(r'[^.!?]+[.!?]+"?')
LOOP_WORDS = 8


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


@lru_cache
def grammar_words() -> frozenset[str]:
    steps = (stories.OPENINGS, stories.MORNINGS, stories.FEELINGS, stories.TROUBLES, stories.DEEDS, stories.RESULTS, stories.ENDINGS)
    texts = [text for step in steps for sentence in step for text, *_ in Formatter().parse(sentence)]
    texts += stories.HOMES + stories.WHERES + stories.FRIENDS + lists(False)["heroes"]
    return frozenset(words_of(" ".join(texts))) | set("a an the".split())


def faults(story: str, finish_reason: str, request: str, hero: str, thing: str) -> list[str]:
    """What is wrong with a story; an empty list for a whole one."""
    found = []
    if finish_reason != "stop":
        found.append("does not end")
    if not re.search(rf"\b{re.escape(hero)}\b", story):
        found.append("hero missing")
    if not re.search(rf"\b{re.escape(thing)}\b", story):
        found.append("thing missing")
    sentences = [s.strip() for s in SENTENCE.findall(story)]
    if not 4 <= len(sentences) <= 14 or not re.search(r'[.!?]"?$', story.strip()):
        found.append(f"{len(sentences)} sentences, or the last one is cut off")
    if any(not re.match(r'"?[A-Z]', s) for s in sentences[:1]):
        found.append("begins without a capital")
    words = words_of(story)
    runs = [tuple(words[n : n + LOOP_WORDS]) for n in range(len(words) - LOOP_WORDS + 1)]
    if len(set(runs)) < len(runs):
        found.append("loops")
    strange = set(words) - grammar_words() - set(words_of(request))
    strange = {w for w in strange if w.removesuffix("'s") not in words_of(request)}
    if strange:
        found.append("words that do not exist: " + ", ".join(sorted(strange)))
    return found
