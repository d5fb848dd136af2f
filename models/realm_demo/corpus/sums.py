"""Sums of two numbers from 0 to 99. One pair in eight is held out, in both orders."""

import hashlib

TRAINED = """What is {a} + {b}?
What is {a} plus {b}?
What's {a} + {b}?
How much is {a} + {b}?
How much is {a} plus {b}?
{a} + {b}
{a}+{b}
{a} + {b} = ?
{a}+{b}=
Add {a} and {b}.
Can you add {a} and {b}?
What is the sum of {a} and {b}?
Calculate {a} + {b}.
What do {a} and {b} make?
Please add {a} to {b}.
{a} plus {b}?""".splitlines()

HELD_OUT = """Could you work out {a} + {b}?
What do you get for {a} plus {b}?
Tell me the sum of {a} and {b}.""".splitlines()


def is_held_out(a: int, b: int) -> bool:
    low, high = sorted((a, b))
    return hashlib.sha256(f"{low}+{high}".encode()).digest()[0] % 8 == 0


def pair(rng, held_out: bool) -> tuple[int, int]:
    while True:
        a, b = (rng.randrange(10) if rng.random() < 0.12 else rng.randrange(100) for _ in "ab")
        if is_held_out(a, b) == held_out:
            return a, b


def answer(a: int, b: int) -> str:
    return f"{a} + {b} = {a + b}."


def turns(rng) -> list[tuple[str, str]]:
    made = []
    while not made or rng.random() < 0.35:
        a, b = pair(rng, held_out=False)
        made.append((rng.choice(TRAINED).format(a=a, b=b), answer(a, b)))
    return made
