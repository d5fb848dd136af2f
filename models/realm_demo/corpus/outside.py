"""Questions that lie outside: the right answer is to say that this is a small demo model.

Many of them look like questions that the model can answer (a capital of a land
that does not exist, a difference, a sum too large), so that it learns the border.
"""

from functools import lru_cache

from . import capitals
from .questions import DO_FRAMES, EXPLAIN_FRAMES
from .words import DATA, invented, pick

ANSWER = "I am only a small demo model, so I do not know that."
SUM_ANSWER = "I am only a small demo model: I can add two numbers below 100, and no more."

STATE_ANSWER = "I see. I am only a small demo model, but you can ask me something."


@lru_cache
def lists() -> dict[str, list[str]]:
    found, kind = {}, None
    for line in (DATA / "outside.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
            found[kind] = []
        elif line and not line.startswith("#"):
            found[kind].append(line)
    return found


def one(rng, kind: str) -> str:
    return rng.choice(lists()[kind])


def arithmetic(rng) -> str:
    if rng.random() < 0.5:
        return one(rng, "arithmetic").format(a=rng.randrange(100), b=rng.randrange(1, 100))
    a, b = rng.randrange(100, 10 ** rng.randrange(3, 6)), rng.randrange(10 ** rng.randrange(1, 5))
    if rng.random() < 0.5:
        a, b = b, a
    return one(rng, "large sums").format(a=a, b=b)


def turns(rng) -> list[tuple[str, str]]:
    roll = rng.random()
    if roll < 0.30:
        topic = invented(rng) if rng.random() < 0.1 else one(rng, "topics")
        if rng.random() < 0.2:
            return [(rng.choice(EXPLAIN_FRAMES).format(x=topic), ANSWER)]
        if rng.random() < 0.2:
            return [(rng.choice(DO_FRAMES).format(x=one(rng, "deeds")), ANSWER)]
        return [(one(rng, "frames").format(t=topic), ANSWER)]
    if roll < 0.45:
        country = rng.choice(capitals.table())[0] if rng.random() < 0.7 else pick(rng, "places")
        return [(one(rng, "country frames").format(c=country), ANSWER)]
    if roll < 0.64:
        return [(rng.choice(capitals.TRAINED).format(c=pick(rng, "places")), ANSWER)]
    if roll < 0.72:
        return [(arithmetic(rng), SUM_ANSWER)]
    if roll < 0.76:
        return [(rng.choice(("I am {s}.", "I'm {s}.", "I am {s} today.", "Hello, I am {s}.")).format(s=one(rng, "states")), STATE_ANSWER)]
    return [(one(rng, "questions"), ANSWER)]


def held_out(rng) -> str:
    roll = rng.random()
    if roll < 0.35:
        return one(rng, "frames held out").format(t=one(rng, "topics held out"))
    if roll < 0.55:
        return one(rng, "country frames held out").format(c=rng.choice(capitals.table())[0])
    if roll < 0.7:
        return rng.choice(capitals.HELD_OUT).format(c=pick(rng, "places", held_out=True))
    return one(rng, "questions held out")
