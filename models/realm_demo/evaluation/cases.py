"""Writes the evaluation cases: one JSONL file per skill, from held-out words and phrasings.

    python -m realm_demo.evaluation.cases --out cases

A case is `{"id", "skill", "turns": [what the user says, ..], "equals" | "contains": ..}`;
only the answer to the last turn is scored. Story and embedding cases carry their own
fields. The seed is fixed, so the files never change unless the generator does.
"""

import argparse
import json
import random
from pathlib import Path

from ..corpus import capitals, memory, outside, questions, stories, sums

SEED = 2026


def capital_cases(rng):
    yield {"turns": ["What is the capital of France?"], "equals": "The capital of France is Paris."}
    for country, town in capitals.table():
        asked = rng.choice(capitals.HELD_OUT).format(c=country)
        yield {"turns": [asked], "equals": capitals.answer(country, town)}


def question_cases(topic: str):
    for entry in questions.entries(topic):
        for asked in entry.held_out:
            yield {"turns": [asked], "equals": entry.answer}


def sum_cases(rng, count: int = 200):
    for n in range(count):
        a, b = sums.pair(rng, held_out=True)
        frames = sums.HELD_OUT if n % 2 else sums.TRAINED
        yield {"turns": [rng.choice(frames).format(a=a, b=b)], "equals": sums.answer(a, b)}


def unrelated(rng) -> str:
    """A turn that has nothing to do with the user."""
    roll = rng.random()
    if roll < 0.3:
        return rng.choice(capitals.HELD_OUT).format(c=rng.choice(capitals.table())[0])
    if roll < 0.55:
        a, b = sums.pair(rng, held_out=True)
        return rng.choice(sums.TRAINED).format(a=a, b=b)
    topic = rng.choice(("facts", "realm", "smalltalk"))
    return rng.choice([asked for entry in questions.entries(topic) for asked in entry.held_out])


REMEMBERED = {"name": ["name"], "town": ["town"], "pet": ["pet", "petname"], "colour": ["colour"]}


def memory_cases(rng, count: int = 200):
    """Equal parts of each kind of thing and of zero to three unrelated turns."""
    for n in range(count):
        k = memory.SCORED[n % 4]
        who = memory.person(rng, held_out=True)
        others = rng.sample([o for o in memory.SCORED if o != k], rng.randrange(3))
        told = [[k]] + [[o] for o in others]
        rng.shuffle(told)
        turns = [memory.tell(rng, kinds, who)[0] for kinds in told]
        turns += [unrelated(rng) for _ in range(n // 4 % 4)]
        turns.append(memory.ask(rng, k, who, told=True, held_out=n % 2 == 1)[0])
        yield {"turns": turns, "contains": [who[field] for field in REMEMBERED[k]], "kind": k, "unrelated": n // 4 % 4}


def untold_cases(rng, count: int = 24):
    for n in range(count):
        k = memory.SCORED[n % 4]
        turns = [unrelated(rng)] if n % 2 else []
        asked, answered = memory.ask(rng, k, memory.person(rng, held_out=True), told=False, held_out=True)
        yield {"turns": [*turns, asked], "equals": answered}


def outside_cases(rng, count: int = 120):
    seen = set()
    while len(seen) < count:
        asked = outside.held_out(rng)
        if asked not in seen:
            seen.add(asked)
            yield {"turns": [asked], "contains": ["small demo model"]}


def story_cases(rng, count: int = 30):
    for n in range(count):
        who = stories.cast(rng, held_out=True)
        yield {"turns": [stories.request(rng, who, held_out=n % 2 == 1)], "hero": who["H"], "thing": who["T"]}


def topic_of_embedding(rng):
    """(topic, trained phrasings, held-out phrasings) for the nearest-neighbour test."""
    who = lambda held: memory.person(rng, held_out=held)
    country = lambda: rng.choice(capitals.table())[0]
    phrased = lambda topic, held: [q for e in questions.entries(topic) for q in (e.held_out if held else e.trained)]
    some = lambda items, count: rng.sample(items, min(count, len(items)))
    yield "capital", [rng.choice(capitals.TRAINED).format(c=country()) for _ in range(40)], [rng.choice(capitals.HELD_OUT).format(c=country()) for _ in range(20)]
    pair = lambda held: dict(zip("ab", sums.pair(rng, held), strict=True))
    yield "sum", [rng.choice(sums.TRAINED).format(**pair(False)) for _ in range(40)], [rng.choice(sums.HELD_OUT).format(**pair(True)) for _ in range(20)]
    tell = lambda held: memory.tell(rng, [rng.choice(memory.SCORED)], who(held))[0]
    yield "memory", [tell(False) for _ in range(40)], [tell(True) for _ in range(20)]
    yield "story", [stories.request(rng, stories.cast(rng)) for _ in range(40)], [stories.request(rng, stories.cast(rng, True), True) for _ in range(20)]
    yield "fact", some(phrased("facts", False), 80), some(phrased("facts", True), 30)
    yield "realm", some(phrased("realm", False), 80), some(phrased("realm", True), 30)
    yield "smalltalk", some(phrased("smalltalk", False), 80), some(phrased("smalltalk", True), 30)


def embedding_cases(rng):
    for topic, trained, held_out in topic_of_embedding(rng):
        for text in trained:
            yield {"text": text, "topic": topic, "role": "reference"}
        for text in held_out:
            yield {"text": text, "topic": topic, "role": "query"}


SKILLS = {
    "capitals": capital_cases,
    "facts": lambda rng: question_cases("facts"),
    "realm": lambda rng: question_cases("realm"),
    "smalltalk": lambda rng: question_cases("smalltalk"),
    "sums": sum_cases,
    "memory": memory_cases,
    "untold": untold_cases,
    "outside": outside_cases,
    "stories": story_cases,
    "embedding": embedding_cases,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for skill, make in SKILLS.items():
        made = make(random.Random(f"{SEED}/{skill}"))
        lines = [json.dumps({"id": f"{skill}-{n}", "skill": skill} | case) for n, case in enumerate(made)]
        (out / f"{skill}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        print(skill, len(lines))


if __name__ == "__main__":
    main()
