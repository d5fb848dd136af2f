"""Questions with one fixed answer: facts, small talk, and how to use Realm.

Read from text files in which '= answer' opens an entry, a plain line is a
phrasing for training and '? ...' is a phrasing held out for evaluation.
'~ add a tenant | ...' lists things to do and '@ a tenant | ...' things to
explain, which are asked for in many frames.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from .words import DATA

DO_FRAMES = """How do I {x}?
How do I {x}?
How can I {x}?
How do you {x}?
How does one {x}?
How could I {x}?
How to {x}
What must I do to {x}?
What should I do to {x}?
What is the best way to {x}?
What do I need to {x}?
Tell me how to {x}.
Show me how to {x}.
Explain how to {x}.
Can you tell me how to {x}?
Can you explain how I {x}?
I want to {x}.
I want to {x}. What do I do?
I would like to {x}.
I need to {x}.
I do not know how to {x}.
Is it possible to {x}?
Is there a way to {x}?
Can I {x}?
What command do I use to {x}?""".splitlines()

EXPLAIN_FRAMES = """What is {x}?
What is {x}?
What's {x}?
What exactly is {x}?
What does {x} mean?
What is the meaning of {x}?
Explain {x}.
Explain {x} to me.
Please explain {x}.
Can you explain {x}?
Can you describe {x}?
Tell me about {x}.
Tell me what {x} is.
Can you tell me what {x} is?
I do not understand {x}.
Help me to understand {x}.
Define {x}.
Give me a definition of {x}.
I want to know what {x} is.
What do you mean by {x}?
What should I know about {x}?
In short, what is {x}?""".splitlines()


@dataclass
class Entry:
    answer: str
    trained: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)
    to_explain: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)


@lru_cache
def entries(topic: str) -> tuple[Entry, ...]:
    found = []
    for line in (DATA / f"{topic}.txt").read_text("utf-8").splitlines():
        if line.startswith("= "):
            found.append(Entry(line[2:]))
        elif line.startswith("~ "):
            found[-1].to_do = line[2:].split("|")
        elif line.startswith("@ "):
            found[-1].to_explain = line[2:].split("|")
        elif line.startswith("? "):
            found[-1].held_out.append(line[2:])
        elif line and not line.startswith("#"):
            found[-1].trained.append(line)
    return tuple(found)


LEADS = "Can you tell me|Do you know|Tell me|Please tell me|I want to know|I would like to know|Say|Can you say|Could you say|I ask myself|Let me ask you|One more thing".split("|")
QUESTION_WORDS = ("What", "Which", "Who", "Where", "When", "How", "Whose", "At what", "At how")


def vary(rng, asked: str) -> str:
    """The same question a little differently: 'What planet ..', 'Do you know which planet ..'."""
    if asked.startswith("Which ") and rng.random() < 0.35:
        asked = "What " + asked[6:]
    if asked.startswith(QUESTION_WORDS) and rng.random() < 0.15:
        mark = ", " if rng.random() < 0.3 else " "
        asked = rng.choice(LEADS) + mark + asked[0].lower() + asked[1:]
    return asked


def ask(rng, entry: Entry) -> str:
    """One of the trained phrasings: as written, or a thing put into a frame."""
    held_out = set(entry.held_out)
    while True:
        ways = [lambda: rng.choice(entry.trained)]
        if entry.to_do:
            ways.append(lambda: rng.choice(DO_FRAMES).format(x=rng.choice(entry.to_do)))
        if entry.to_explain:
            ways.append(lambda: rng.choice(EXPLAIN_FRAMES).format(x=rng.choice(entry.to_explain)))
        asked = vary(rng, rng.choice(ways)())
        if asked not in held_out:
            return asked


def turn(rng, topic: str) -> tuple[str, str]:
    entry = rng.choice(entries(topic))
    return ask(rng, entry), entry.answer
