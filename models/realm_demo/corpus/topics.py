"""Bare messages with the topic each belongs to, from the trained phrasings.

Training pulls the embeddings of one topic together with them; evaluation takes its
references from here and its queries from held-out phrasings.
"""

from . import capitals, memory, questions, stories, sums
from .words import holds_held_out_word


def asked_about(topic: str):
    return lambda rng: questions.ask(rng, rng.choice(questions.entries(topic)))


TOPICS = {
    "capital": lambda rng: rng.choice(capitals.TRAINED).format(c=rng.choice(capitals.table())[0]),
    "sum": lambda rng: sums.turns(rng)[0][0],
    "memory": lambda rng: memory.tell(rng, [rng.choice(list(memory.KINDS))], memory.person(rng))[0],
    "story": lambda rng: stories.request(rng, stories.cast(rng)),
    "fact": asked_about("facts"),
    "realm": asked_about("realm"),
    "smalltalk": asked_about("smalltalk"),
}


def labelled(rng) -> tuple[str, int]:
    """(message, number of its topic), each topic as often as the others."""
    number = rng.randrange(len(TOPICS))
    while True:
        text = list(TOPICS.values())[number](rng)
        if not holds_held_out_word(text):
            return text, number
