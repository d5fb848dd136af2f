"""Words to put into conversations: lists for training, lists held out, and invented words.

Invented words are what teaches the model to copy: a name that it has never seen
must come back letter by letter.
"""

import re
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).parent / "data"

ONSETS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p ph pl pr qu r s sc sh sk sl sm sn sp st str sw t th tr v w wh y z zh".split()
VOWELS = "a e i o u a e i o u ai ea ee ei ia ie io oa oo ou ua au eu y".split()
CODAS = "b ck d f g k l ld lf ll lm ln m mp n nd ng nk nt p r rd rk rl rm rn rt s sh sk ss st t th v w x z zz ".split(" ") + [""] * 12
NAME_ENDS = "a o ia us ette er en ard ina ine ton ward win bert mund son ford ley ius ah i y el is as essa ander".split()
TOWN_ENDS = "ton ville burg ham stad ford field mouth port by dorf heim a o ia grad bridge dale wick sk ama uri sea holm".split()


def read_lists(path: Path) -> dict[str, list[str]]:
    lists, kind = {}, None
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
            lists[kind] = []
        elif kind and line.strip():
            lists[kind] += [word.strip() for word in line.split(",")]
    return lists


@lru_cache
def lists(held_out: bool) -> dict[str, list[str]]:
    return read_lists(DATA / ("held_out.txt" if held_out else "words.txt"))


@lru_cache
def held_out_words() -> frozenset[str]:
    return frozenset(word.lower() for words in lists(True).values() for word in words)


def holds_held_out_word(text: str) -> bool:
    return not held_out_words().isdisjoint(re.findall(r"[a-z']+", text.lower()))


def syllable(rng, onset: bool = True) -> str:
    return (rng.choice(ONSETS) if onset else "") + rng.choice(VOWELS) + rng.choice(CODAS)


def invented(rng, ends=()) -> str:
    """A pronounceable word of one to four syllables that is in no list.

    A quarter begin with a vowel, and some say a syllable twice ("backpack"), which
    is where copying goes wrong most easily.
    """
    count = rng.choice((1, 2, 2, 3) if not ends else (1, 1, 2))
    parts = [syllable(rng, onset=n > 0 or rng.random() < 0.75) for n in range(count)]
    if count > 1 and rng.random() < 0.15:
        parts[-1] = parts[0] if rng.random() < 0.5 else rng.choice(ONSETS) + parts[0][1:]
    word = "".join(parts)
    if ends:
        word += rng.choice(ends)
    elif len(word) < 4:
        word += rng.choice(VOWELS)
    return invented(rng, ends) if word in held_out_words() else word


@lru_cache
def written_words() -> tuple[str, ...]:
    """Every word of the data files, held-out ones left out."""
    texts = [path.read_text("utf-8") for path in sorted(DATA.glob("*.txt")) if path.name != "held_out.txt"]
    words = set(re.findall(r"[a-z]{4,}", " ".join(texts).lower())) - held_out_words()
    return tuple(sorted(words))


def spliced(rng) -> str:
    """The beginning of one word and a later part of another: it meets the rarer tokens."""
    first, second = rng.choice(written_words()), rng.choice(written_words())
    word = first[: rng.randrange(2, len(first))] + second[rng.randrange(1, len(second) - 1) :]
    return spliced(rng) if word in held_out_words() or word in written_words() else word


def compound(rng) -> str:
    """Two known words in one, as in "lighthouse"."""
    kinds = lists(False)
    known = [w for kind in ("things", "adjectives", "colours", "heroes", "foods") for w in kinds[kind] if " " not in w and len(w) < 7]
    word = rng.choice(known) + rng.choice(known)
    return compound(rng) if word in held_out_words() else word


# How often a word is invented rather than taken from its list, in training.
INVENTED_SHARE = {"names": 0.7, "towns": 0.5, "petnames": 0.5, "pets": 0.4, "colours": 0.4, "foods": 0.3, "things": 0.7, "places": 0.45}


def pick(rng, kind: str, held_out: bool = False) -> str:
    if not held_out and rng.random() < INVENTED_SHARE.get(kind, 0):
        if rng.random() < 0.4:
            word = spliced(rng)
            return word.capitalize() if kind in ("names", "towns", "places", "petnames") else word
        if kind == "names":
            return (invented(rng, NAME_ENDS) if rng.random() < 0.6 else invented(rng)).capitalize()
        if kind in ("towns", "places"):
            return (invented(rng, TOWN_ENDS) if rng.random() < 0.6 else invented(rng)).capitalize()
        word = compound(rng) if rng.random() < 0.25 else invented(rng)
        return word.capitalize() if kind == "petnames" else word
    return rng.choice(lists(held_out).get(kind) or lists(False)[kind])


def with_article(noun: str) -> str:
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun
