"""Puts the skills together into whole conversations, as they are trained on.

A conversation is a list of messages `{"role": .., "content": ..}`, or one raw
completion `{"prompt": .., "text": ..}` for the node's `generate`. Number n of
seed s is always the same conversation.
"""

import random

from . import capitals, memory, outside, questions, stories, sums
from .words import holds_held_out_word, pick

# The share of each skill among the single exchanges.
EXCHANGES = (
    (lambda rng: capitals.turns(rng), 0.26),
    (lambda rng: [questions.turn(rng, "facts")], 0.13),
    (lambda rng: [questions.turn(rng, "realm")], 0.12),
    (lambda rng: [questions.turn(rng, "smalltalk")], 0.12),
    (lambda rng: sums.turns(rng), 0.18),
    (lambda rng: outside.turns(rng), 0.14),
    (lambda rng: stories.turns(rng), 0.22),
)
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer briefly.",
    "You are Realm, a small demo model.",
    "You are a friendly assistant.",
    "Be brief and polite.",
    "Answer the user's questions.",
)
REPEATS = ("Repeat after me: {w}.", "Repeat: {w}.", "Say after me: {w}.", "Please repeat: {w}.", "Can you repeat this: {w}?", "Repeat these words: {w}.")
OPENERS = ("Please tell me: ", "Quick question: ", "Hi! ", "Hey, ", "Hello! ", "Okay. ", "Now tell me: ", "Next question: ", "So, ", "I wonder: ", "Another question: ", "Thanks. ")


def exchange(rng) -> list[tuple[str, str]]:
    skill = rng.choices([e[0] for e in EXCHANGES], [e[1] for e in EXCHANGES])[0]
    turns = skill(rng)
    # A story keeps its capitals, because the hero's name is copied from the request.
    if rng.random() < 0.12 and len(turns[0][1]) < 250:
        turns = [(said.lower(), answered) for said, answered in turns]
    return turns


def remembering(rng) -> list[tuple[str, str]]:
    """The user tells some things, talks of others, and asks for what he told."""
    who = memory.person(rng)
    kinds = rng.sample(list(memory.KINDS), rng.choice((1, 1, 2, 2, 3, 4)))
    told, made = [], []
    for _ in range(rng.choice((0, 0, 0, 1))):
        made += exchange(rng)
    while kinds:
        taken = rng.choice((1, 1, 2))
        now, kinds = kinds[:taken], kinds[taken:]
        if rng.random() < 0.12:
            k = rng.choice(list(memory.KINDS))
            if k not in told:
                made.append(memory.ask(rng, k, who, told=False))
        said, heard = memory.tell(rng, now, who)
        if rng.random() < 0.15:
            k = rng.choice(now)
            asked, answer = memory.ask(rng, k, who, told=True)
            made.append((f"{said} {asked}", answer))
        elif rng.random() < 0.1:
            asked, answer = exchange(rng)[0]
            made.append((f"{said} {asked}", answer))
        else:
            made.append((said, heard))
        told += now
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3))):
            made += exchange(rng)[:1]
    rng.shuffle(told)
    for k in told:
        made.append(memory.ask(rng, k, who, told=True))
        if rng.random() < 0.2:
            made += exchange(rng)[:1]
    if rng.random() < 0.15:
        k = rng.choice(list(memory.KINDS))
        if k not in told:
            made.append(memory.ask(rng, k, who, told=False))
    if "name" in told and rng.random() < 0.08:
        who = who | {"name": memory.person(rng)["name"]}
        made.append((rng.choice(("Actually, my name is {name}.", "No, my name is {name}.", "From now on call me {name}.")).format(**who), memory.KINDS["name"].heard.format(**who)))
        made.append(memory.ask(rng, "name", who, told=True))
    return made


def drilling(rng) -> list[tuple[str, str]]:
    """Many sums in a row: addition is what takes the most examples to learn."""
    made = []
    while len(made) < 7:
        made += sums.turns(rng)
    return made


def repeating(rng) -> list[tuple[str, str]]:
    """The user says some words and has them said back: copying, and nothing else."""
    made = []
    for _ in range(rng.choice((1, 2, 2, 3))):
        kinds = rng.choices(("names", "towns", "petnames", "things", "colours", "pets"), k=rng.choice((1, 2, 3, 4)))
        words = ", ".join(pick(rng, kind) for kind in kinds)
        made.append((rng.choice(REPEATS).format(w=words), f"You said: {words}."))
    return made


def asking_untold(rng) -> list[tuple[str, str]]:
    made = exchange(rng)[:1] if rng.random() < 0.4 else []
    return [*made, memory.ask(rng, rng.choice(list(memory.KINDS)), memory.person(rng), told=False)]


def roughen(rng, said: str) -> str:
    """People write in haste: an opener, no capitals, no final mark."""
    roll = rng.random()
    if roll < 0.08:
        said = rng.choice(OPENERS) + said
    elif roll > 0.94:
        said = said[0].lower() + said[1:]
    if rng.random() < 0.08:
        said = said.rstrip("?.!")
    return said


def as_messages(rng, turns) -> dict:
    messages = []
    if rng.random() < 0.06:
        messages.append({"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    for said, answered in turns:
        messages.append({"role": "user", "content": roughen(rng, said)})
        messages.append({"role": "assistant", "content": answered})
    return {"messages": messages}


def as_completion(rng) -> dict:
    """What `generate` gets: a bare question, or the beginning of a story."""
    if rng.random() < 0.25:
        who = stories.cast(rng)
        words = stories.story(rng, who).split(" ")
        cut = rng.randrange(3, 9)
        return {"prompt": " ".join(words[:cut]), "text": " " + " ".join(words[cut:])}
    said, answered = exchange(rng)[0]
    if rng.random() < 0.2:
        words = answered.split(" ")
        cut = rng.randrange(1, len(words)) if len(words) > 1 else 0
        return {"prompt": " ".join(words[:cut]), "text": " ".join([""] * bool(cut) + words[cut:])}
    return {"prompt": said, "text": " " + answered}


def draw(rng) -> dict:
    roll = rng.random()
    if roll < 0.15:
        return as_completion(rng)
    if roll < 0.19:
        return as_messages(rng, drilling(rng))
    if roll < 0.25:
        return as_messages(rng, repeating(rng))
    if roll < 0.46:
        return as_messages(rng, remembering(rng))
    if roll < 0.49:
        return as_messages(rng, asking_untold(rng))
    turns = exchange(rng)
    while rng.random() < 0.45 and len(turns) < 8:
        turns += exchange(rng)
    return as_messages(rng, turns)


def text_of(made: dict) -> str:
    if "prompt" in made:
        return made["prompt"] + made["text"]
    return "\n".join(m["content"] for m in made["messages"])


def conversation(seed: int, number: int) -> dict:
    """The conversation with this number, without any held-out word."""
    rng = random.Random(f"{seed}/{number}")
    while True:
        made = draw(rng)
        if not holds_held_out_word(text_of(made)):
            return made
