"""Capitals of the world's countries, asked in many ways."""

from functools import lru_cache

from .words import DATA

TRAINED = """What is the capital of {c}?
What is the capital of {c}?
What's the capital of {c}?
What is {c}'s capital?
What is the capital city of {c}?
What's the capital city of {c}?
Which city is the capital of {c}?
Name the capital of {c}.
Tell me the capital of {c}.
Can you tell me the capital of {c}?
Can you name the capital city of {c}?
Do you know the capital of {c}?
The capital of {c}?
Capital of {c}
The capital of {c} is what?
What city is the capital of {c}?
I want to know the capital of {c}.
Which is the capital city of {c}?
Give me the capital of {c}.
I need the name of {c}'s capital.
Name {c}'s capital.
Please tell me {c}'s capital.
Please name the capital of {c}.
Please give me the capital city of {c}.
What town is the capital of {c}?
Do you know what the capital of {c} is called?""".splitlines()

HELD_OUT = """Could you tell me what the capital of {c} is?
Which town is the capital city of {c}?
Please name {c}'s capital city.
I would like to know what the capital city of {c} is.
Do you happen to know {c}'s capital?
What do they call the capital of {c}?""".splitlines()

FOLLOW_UPS = "And of {c}?|And {c}?|What about {c}?|And the capital of {c}?|How about {c}?".split("|")
BACKWARDS = "Which country has {t} as its capital?|{t} is the capital of which country?|Of which country is {t} the capital?".split("|")


@lru_cache
def table() -> tuple[tuple[str, str], ...]:
    lines = (DATA / "capitals.txt").read_text("utf-8").splitlines()
    return tuple(tuple(line.split("|")) for line in lines)


def answer(country: str, town: str) -> str:
    return f"The capital of {country} is {town}."


def turns(rng) -> list[tuple[str, str]]:
    """One question, sometimes followed by 'And of Spain?' or asked backwards."""
    country, town = rng.choice(table())
    if rng.random() < 0.06:
        return [(rng.choice(BACKWARDS).format(t=town), f"{town} is the capital of {country}.")]
    asked = country[4:] if country.startswith("the ") and rng.random() < 0.15 else country
    made = [(rng.choice(TRAINED).format(c=asked), answer(country, town))]
    while rng.random() < 0.2:
        country, town = rng.choice(table())
        made.append((rng.choice(FOLLOW_UPS).format(c=country), answer(country, town)))
    return made
