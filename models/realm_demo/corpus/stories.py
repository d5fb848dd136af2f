"""Short stories with a named hero and a given thing, from a small grammar.

A story is six or seven sentences, one from each step, so that there are millions
of them and every one is whole. Each sentence says who does what in full, so that
any mix of steps reads as one story; there is no "he" or "she", because an unknown
name does not tell which.
"""

from .words import lists, pick, with_article

OPENINGS = """Once upon a time there was {a_kind} named {H}.
Once upon a time {a_kind} named {H} lived {home}.
Long ago {a_kind} named {H} lived {home}.
There once was {a_kind} named {H} who lived {home}.
In a land far away lived {a_kind} named {H}.
Far from here, {home}, lived {a_kind} named {H}.""".splitlines()

HOMES = "in a small village|by the sea|near a dark forest|in a house on a hill|at the edge of a lake|in a quiet valley|on a little island|beside a river|high in the mountains|in an old tower|in a busy town|behind a waterfall".split("|")

MORNINGS = """One morning {H} found {a_thing} {where}.
One day {H} found {a_thing} {where}.
One evening {H} came upon {a_thing} {where}.
One rainy day {H} saw {a_thing} {where}.
On a cold day {H} discovered {a_thing} {where}.
One summer day an old woman gave {H} {a_thing}.
One night a traveller left {a_thing} at the door of {H}.
As a birthday gift {H} was given {a_thing}.""".splitlines()

WHERES = "under a tree|in the grass|on the road|in the sand|behind a rock|in an old chest|under the bed|beside the well|at the market|in the snow|on a bridge|in a cave".split("|")

FEELINGS = """{H} had never seen such a fine {T}.
The {T} looked old, but {H} liked it at once.
{H} took the {T} home and kept it safe.
"What a wonderful {T}!" said {H}.
{H} carried the {T} everywhere.
Nobody knew where the {T} had come from.
{H} showed the {T} to everybody in the street.
"This {T} must belong to somebody," thought {H}.
From then on {H} and the {T} were never apart.
{H} cleaned the {T} until it shone.""".splitlines()

TROUBLES = """Then a great storm came, and {friend} was lost.
Soon after, {friend} fell into a deep hole.
But one day {friend} could not find the way home.
Then the river rose, and {friend} was in danger.
But {friend} was sad and would not say why.
That winter the nights were long and {friend} was afraid.
Then {friend} came running and called for help.
One night {friend} did not come home.
But far away {friend} was waiting for somebody to help.
Then a thick fog came down, and {friend} was all alone.""".splitlines()

FRIENDS = "a little bird|an old sailor|the baker|a lost lamb|a young deer|the miller|a small child|a tired traveller|the old teacher|a grey cat|a shy owl|the neighbour".split("|")

DEEDS = """{H} took the {T} and set out at once.
Without fear {H} picked up the {T} and went to help.
{H} had an idea and used the {T} to help {friend}.
"Do not worry," said {H}, and lifted the {T} high.
{H} walked all night and held the {T} tight.
With the help of the {T}, {H} found a way.
{H} thought for a while, looked at the {T} and had an idea.
{H} ran as fast as the wind, and the {T} came along.
All alone, {H} crossed the forest with the {T}.
{H} gave the {T} to {friend}, and that was just what was needed.""".splitlines()

RESULTS = """In the end {friend} was safe.
Before the sun came up, {friend} was safe and warm.
{Friend} laughed and thanked {H}.
"You saved me," said {friend}.
Soon {friend} could smile again.
After a long way back, everybody was home again.
{Friend} and {H} became the best of friends.
The whole village came to thank {H}.""".splitlines()

ENDINGS = """And the {T} still hangs above the door of {H}.
From that day on everybody called {H} a hero.
And {H} never forgot that day.
That night {H} slept well, with the {T} close by.
And they all lived happily ever after.
{H} learned that a small thing can do great good.
And if you listen, you can still hear {H} tell of the {T}.
Since then {H} has always been ready to help.
{H} smiled, for a friend is worth more than gold.
And the {T} was kept with care for many years.""".splitlines()

REQUESTS = """Tell me a story about {hero} and {a_thing}.
Tell me a short story about {hero} and {a_thing}.
Write a story about {hero} and {a_thing}.
Write a short story about {hero} who finds {a_thing}.
Tell a story about {hero} with {a_thing}.
Can you tell me a story about {hero} and {a_thing}?
I want a story about {hero} and {a_thing}.
Please write a story with {hero} and {a_thing} in it.
A story about {hero} and {a_thing}, please.
Make up a story about {hero} who has {a_thing}.
I want to hear a story about {hero} and {a_thing}.
Write me a story in which {hero} has {a_thing}.
Please tell me a story about {hero} and {a_thing}.
Tell a tale about {hero} and {a_thing}.""".splitlines()

REQUESTS_HELD_OUT = """Could you write me a short story about {hero} and {a_thing}?
I would like to hear a story in which {hero} finds {a_thing}.
Tell me a little tale about {hero} and {a_thing}.""".splitlines()

SENTENCE_REQUESTS = """Write one sentence about {hero} and {a_thing}.
Tell me one sentence about {hero} and {a_thing}.
Make a sentence with {hero} and {a_thing}.
One sentence about {hero} and {a_thing}, please.
How does a story about {hero} and {a_thing} begin?""".splitlines()

OPEN_REQUESTS = "Tell me a story.|Tell me a short story.|Write a story.|Can you tell me a story?|A story, please.|Tell me another story.|I want to hear a story.".split("|")


def cast(rng, held_out: bool = False) -> dict[str, str]:
    kind = rng.choice(lists(False)["heroes"])
    thing = pick(rng, "things", held_out)
    if rng.random() < 0.25:
        thing = rng.choice(lists(False)["adjectives"]) + " " + thing
    name = pick(rng, "names", held_out)
    return {
        "H": name, "T": thing, "a_thing": with_article(thing), "a_kind": with_article(kind),
        "hero": name if rng.random() < 0.4 else f"{with_article(kind)} {rng.choice(('named', 'called'))} {name}",
    }


def request(rng, who: dict[str, str], held_out: bool = False) -> str:
    return rng.choice(REQUESTS_HELD_OUT if held_out else REQUESTS).format(**who)


def story(rng, who: dict[str, str]) -> str:
    friend = rng.choice(FRIENDS)
    slots = who | {"friend": friend, "Friend": friend[0].upper() + friend[1:], "home": rng.choice(HOMES), "where": rng.choice(WHERES)}
    steps = [OPENINGS, MORNINGS, FEELINGS, TROUBLES, DEEDS, RESULTS, ENDINGS]
    if rng.random() < 0.3:
        steps.remove(FEELINGS)
    sentences = [rng.choice(step).format(**slots) for step in steps]
    # A friend who was "a little bird" is "the little bird" from the second time on.
    seen, told = False, []
    for sentence in sentences:
        if seen and friend.startswith(("a ", "an ")):
            bare = friend.split(" ", 1)[1]
            sentence = sentence.replace(friend, "the " + bare).replace(slots["Friend"], "The " + bare)
        seen = seen or friend in sentence.lower()
        told.append(sentence)
    return " ".join(told)


def turns(rng) -> list[tuple[str, str]]:
    """A whole story, or a single sentence, which has more to copy in fewer words."""
    who = cast(rng)
    if rng.random() < 0.4:
        sentence = rng.choice(MORNINGS).format(**who, where=rng.choice(WHERES))
        return [(rng.choice(SENTENCE_REQUESTS).format(**who), sentence)]
    asked = rng.choice(OPEN_REQUESTS) if rng.random() < 0.08 else request(rng, who)
    return [(asked, story(rng, who))]
