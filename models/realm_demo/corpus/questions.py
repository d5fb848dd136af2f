"""Questions with one fixed answer: facts, small talk, and how to use Realm.

Read from text files in which '= answer' opens an entry, a plain line is a
phrasing for training and '? ...' is a phrasing held out for evaluation.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from .words import DATA


@dataclass
class Entry:
    answer: str
    trained: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)


@lru_cache
def entries(topic: str) -> tuple[Entry, ...]:
    found = []
    for line in (DATA / f"{topic}.txt").read_text("utf-8").splitlines():
        if line.startswith("= "):
            found.append(Entry(line[2:]))
        elif line.startswith("? "):
            found[-1].held_out.append(line[2:])
        elif line and not line.startswith("#"):
            found[-1].trained.append(line)
    return tuple(found)


def turn(rng, topic: str) -> tuple[str, str]:
    entry = rng.choice(entries(topic))
    return rng.choice(entry.trained), entry.answer
