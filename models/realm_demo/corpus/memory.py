"""What a user says of himself, and the questions that ask for it back.

A Person is the set of things that one user may tell; each kind of thing has ways
to be told, an acknowledgement, ways to be asked for, and two answers: one when
it was told, one when it was not.
"""

from dataclasses import dataclass

from .words import pick, with_article


@dataclass(frozen=True)
class Kind:
    told: tuple[str, ...]
    heard: str
    asked: tuple[str, ...]
    asked_held_out: tuple[str, ...]
    known: str
    unknown: str


def kind(told, heard, asked, asked_held_out, known, unknown):
    return Kind(tuple(told.split("|")), heard, tuple(asked.split("|")), tuple(asked_held_out.split("|")), known, unknown)


KINDS = {
    "name": kind(
        "My name is {name}.|My name is {name}.|I am {name}.|I'm {name}.|Call me {name}.|Hi, my name is {name}.|Hello, I am {name}.|Hi, I'm {name}.|You can call me {name}.|People call me {name}.|My name's {name}.|Hello! My name is {name}.|This is {name}.|They call me {name}.|My first name is {name}.|Hey, it's {name}.",
        "Nice to meet you, {name}!",
        "What is my name?|What is my name?|What's my name?|Do you remember my name?|Who am I?|Tell me my name.|Can you tell me my name?|Do you know my name?|What did I say my name was?|What am I called?|Say my name.|So, what is my name?|What was my name?|Do you remember what my name is?|Can you say what I am called?|Please tell me my name.|I forgot my name. What is it?",
        "Could you tell me what my name is?|Do you still know my name?",
        "Your name is {name}.",
        "You have not told me your name yet.",
    ),
    "town": kind(
        "I live in {town}.|I live in {town}.|I am from {town}.|I'm from {town}.|I come from {town}.|My home is in {town}.|My town is {town}.|I live in a town called {town}.|My home town is {town}.|I moved to {town}.|We live in {town}.|I have a house in {town}.",
        "I see, you live in {town}.",
        "Where do I live?|Where do I live?|Where am I from?|Which town do I live in?|Do you know where I live?|Do you remember where I live?|Tell me where I live.|What is my town?|In which town do I live?|What town do I live in?|Where is my home?|Where did I say I live?|Can you tell me where I am from?|Do you remember which town I live in?|Please tell me where I live.|Do you know which town I come from?",
        "Could you tell me where I live?|Do you still know where I live?",
        "You live in {town}.",
        "You have not told me where you live yet.",
    ),
    "pet": kind(
        "I have {a_pet} called {petname}.|I have {a_pet} named {petname}.|My {pet} is called {petname}.|My {pet}'s name is {petname}.|My pet is {a_pet} called {petname}.|I own {a_pet} named {petname}.|My pet is {a_pet} and its name is {petname}.|I have {a_pet}. Its name is {petname}.|At home I have {a_pet} called {petname}.",
        "I see, you have {a_pet} called {petname}.",
        "What pet do I have?|Which pet do I have?|What is my pet?|What is my pet called?|What is the name of my pet?|What's my pet's name?|Do you remember my pet?|Do you know what my pet is called?|Tell me about my pet.|What animal do I have?|Which animal do I have?|Do I have a pet?|Can you tell me which pet I have?|Do you remember what pet I have?|Please tell me what my pet is called.|Do you know my pet?",
        "Could you tell me what my pet is called?|Do you still know what pet I have?",
        "You have {a_pet} called {petname}.",
        "You have not told me about a pet yet.",
    ),
    "colour": kind(
        "My favourite colour is {colour}.|My favorite color is {colour}.|I like the colour {colour}.|I love the colour {colour}.|The colour I like best is {colour}.|I love the color {colour}.|My colour is {colour}.|I like {colour} best of all colours.|My favourite colour has always been {colour}.",
        "I see, your favourite colour is {colour}.",
        "What is my favourite colour?|What is my favourite colour?|What's my favourite colour?|What is my favorite color?|What's my favorite color?|Which colour do I like best?|Do you remember my favourite colour?|Do you know my favourite colour?|Tell me my favourite colour.|Which colour do I like?|What colour do I like?|What was my favourite colour?|Can you tell me which colour I like?|Do you know which colour I like?|Do you remember which colour I like best?|Do you know what colour I love?|Please tell me my favourite colour.",
        "Could you tell me what my favourite colour is?|Do you still know which colour I like?",
        "Your favourite colour is {colour}.",
        "You have not told me your favourite colour yet.",
    ),
    "food": kind(
        "My favourite food is {food}.|I like to eat {food}.|My favorite food is {food}.|I love {food}.|The food I like best is {food}.",
        "I see, your favourite food is {food}.",
        "What is my favourite food?|What's my favourite food?|What is my favorite food?|What do I like to eat?|Which food do I like best?|Do you remember my favourite food?|Tell me my favourite food.",
        "Could you tell me what my favourite food is?|Do you still know what I like to eat?",
        "Your favourite food is {food}.",
        "You have not told me your favourite food yet.",
    ),
}

SCORED = ("name", "town", "pet", "colour")


def person(rng, held_out: bool = False) -> dict[str, str]:
    pet = pick(rng, "pets", held_out)
    who = {
        "name": pick(rng, "names", held_out),
        "town": pick(rng, "towns", held_out),
        "pet": pet,
        "a_pet": with_article(pet),
        "petname": pick(rng, "petnames", held_out),
        "colour": pick(rng, "colours", held_out),
        "food": pick(rng, "foods"),
    }
    in_small_letters = not held_out and rng.random() < 0.1
    return {k: v.lower() for k, v in who.items()} if in_small_letters else who


def tell(rng, kinds: list[str], who: dict[str, str]) -> tuple[str, str]:
    """One message that tells one or two things, and the answer to it."""
    said = [rng.choice(KINDS[k].told).format(**who) for k in kinds]
    heard = [KINDS[k].heard.format(**who) for k in kinds]
    if len(said) == 2 and rng.random() < 0.5:
        second = said[1] if said[1].startswith(("I ", "I'")) else said[1][0].lower() + said[1][1:]
        if not second.lower().startswith(("h", "this", "call")):
            return f"{said[0][:-1]} and {second}", " ".join(heard)
    return " ".join(said), " ".join(heard)


def ask(rng, k: str, who: dict[str, str], told: bool, held_out: bool = False) -> tuple[str, str]:
    asked = KINDS[k].asked_held_out if held_out else KINDS[k].asked
    if k == "pet" and told and not held_out and rng.random() < 0.35:
        asked = ("What is my {pet} called?", "What is my {pet}'s name?", "What is the name of my {pet}?", "Do you remember my {pet}?")
    return rng.choice(asked).format(**who), (KINDS[k].known if told else KINDS[k].unknown).format(**who)
