"""Questions that lie outside: the right answer is to say that this is a small demo model.

Many of them look like questions that the model can answer (a capital of a land
that does not exist, a difference, a sum too large), so that it learns the border.
"""

from . import capitals
from .words import pick

ANSWER = "I am only a small demo model, so I do not know that."
SUM_ANSWER = "I am only a small demo model: I can add two numbers below 100, and no more."

TOPICS = """quantum physics|the stock market|the French Revolution|black holes|gravity|evolution|photosynthesis|the Roman Empire|jazz|opera|chess openings|the Python language|JavaScript|Rust lifetimes|databases|Docker|Kubernetes|Linux|the iPhone|electric cars|nuclear power|vitamins|diabetes|headaches|yoga|marathon running|football|basketball|tennis|cricket|the Olympic Games|Mozart|Beethoven|the Beatles|Picasso|Van Gogh|Einstein|Newton|Darwin|Napoleon|Julius Caesar|Cleopatra|Abraham Lincoln|George Washington|Harry Potter|Star Wars|the Titanic|dinosaurs|volcanoes|earthquakes|hurricanes|climate change|the ozone layer|DNA|bacteria|viruses|the human heart|the brain|taxes|mortgages|insurance|inflation|Bitcoin|democracy|the European Union|the United Nations|Buddhism|Plato|Kant|ethics|poetry|haiku|gardening|tomatoes|sourdough|wine|coffee|photography|knitting|fishing|camping|airplanes|trains|bridges|steel|plastics|glass|algebra|geometry|calculus|prime numbers|statistics""".split("|")
TOPICS_HELD_OUT = """string theory|the Aztecs|blockchain|origami|beekeeping|the Cold War|antibiotics|Tolstoy|surfing|the Renaissance|compilers|sushi rolls|semiconductors|ballet|archaeology|penguins|lasers|feudalism|Galileo|karate""".split("|")

FRAMES = """Explain {t}.|Can you explain {t}?|Tell me about {t}.|What do you think about {t}?|What do you know about {t}?|How does {t} work?|Write an essay about {t}.|Write a poem about {t}.|Why is {t} important?|What is the history of {t}?|Recommend a book about {t}.|Teach me {t}.|Summarise {t} for me.|Who is the best expert on {t}?|What is new in {t}?|When did {t} begin?|Give me five facts about {t}.|I have a question about {t}.|What is {t}?|What are the basics of {t}?|Who invented {t}?""".split("|")
FRAMES_HELD_OUT = """Could you give me an introduction to {t}?|I want to learn more about {t}.|Please write an article on {t}.|What should everybody know about {t}?""".split("|")

COUNTRY_FRAMES = """What is the population of {c}?|How many people live in {c}?|What is the currency of {c}?|Who is the president of {c}?|Who is the king of {c}?|What language do they speak in {c}?|How big is {c}?|What is the weather in {c}?|What is the flag of {c}?|Which food do people eat in {c}?|What is the longest river in {c}?|When was {c} founded?|Where is {c}?|How far is {c}?|Which sea is near {c}?""".split("|")
COUNTRY_FRAMES_HELD_OUT = """What is the national anthem of {c}?|How many lakes does {c} have?|Who rules {c}?|What is the highest hill in {c}?|How old is {c}?""".split("|")

SINGLE = """Who won the World Cup?|Who won the election?|What is the weather today?|What is the weather like?|Will it rain tomorrow?|What time is it?|What day is it today?|What is today's date?|What is the news?|Write a Python function.|Write a program that sorts a list.|Fix my code.|Write some code.|Debug this program.|Translate this into French.|How do you say hello in Spanish?|Translate good morning into German.|What does bonjour mean?|How do I cook lasagna?|How do I bake a cake?|Give me a recipe for soup.|What should I eat tonight?|What should I wear today?|Recommend a film.|Recommend a good book.|Which phone should I buy?|Book a flight for me.|Order a pizza.|Set an alarm for seven.|Play some music.|Call my mother.|Send an email.|Open the window.|What is the meaning of life?|Is there a god?|What happens after death?|How do I lose weight?|How do I sleep better?|I have a headache. What should I do?|Which medicine should I take?|How do I fix a flat tyre?|How do I tie a tie?|How much does a car cost?|How much is a bitcoin?|Which stock should I buy?|How do I get rich?|Who is the richest person?|Who is the president?|Who is the prime minister?|How old is the universe?|How far is the Moon?|What is the speed of light?|How tall is the Eiffel Tower?|How deep is the ocean?|How many stars are there?|When did the Second World War end?|When was the first car built?|Who discovered America?|Who invented the telephone?|Who invented the light bulb?|Who wrote Hamlet?|Who wrote War and Peace?|Who wrote Faust?|Who painted Guernica?|Who composed the Ninth Symphony?|Who was the first president?|What is the square root of two?|What is pi?|Solve this equation.|What is the integral of x?|How do I learn English?|Which university is the best?|Help me with my homework.|Write my essay.|Write a letter to my boss.|Tell me a joke.|Sing a song.|Draw a picture.|What is your favourite film?|What is your favourite song?|Do you love me?|Where is my phone?|What did I eat yesterday?|What will happen tomorrow?|Can you see me?|What am I thinking?|How many bones does a human have?|How many teeth does a shark have?|How many eyes does a fly have?|What do pandas eat?|Where do lions live?|How long do cats live?|How fast is a horse?|Why is the sea salty?|Why do we dream?|How do planes fly?|How do magnets work?|What is electricity?|How is cheese made?|How is paper made?""".split("|")
SINGLE_HELD_OUT = """Who won the Nobel Prize in physics?|Will there be snow this weekend?|Write a shell script that renames files.|Translate the word house into Italian.|How do I grill a steak?|Which laptop should I buy?|What is the best restaurant nearby?|How do I remove a coffee stain?|How heavy is an elephant?|Who invented the bicycle?|Who wrote The Odyssey?|When did the Berlin Wall fall?|What is the cube root of nine?|Do you like football?|How many hairs does a dog have?|What do koalas eat?|Why do leaves fall?|How is glass made?|What is my password?|How do I change a tyre?|How long does a flight to Tokyo take?|Can you play chess with me?|Who is the mayor of London?|What is the price of gold?|How do rockets work?""".split("|")

ARITHMETIC = """What is {a} - {b}?|What is {a} minus {b}?|What is {a} times {b}?|What is {a} * {b}?|{a} * {b}|{a} - {b}|What is {a} divided by {b}?|{a} / {b}|Multiply {a} by {b}.|Subtract {b} from {a}.""".split("|")
LARGE = """What is {a} + {b}?|{a} + {b}|{a}+{b}|What is {a} plus {b}?|Add {a} and {b}.|How much is {a} + {b}?""".split("|")


def arithmetic(rng) -> str:
    if rng.random() < 0.5:
        return rng.choice(ARITHMETIC).format(a=rng.randrange(100), b=rng.randrange(1, 100))
    a, b = rng.randrange(100, 10 ** rng.randrange(3, 6)), rng.randrange(10 ** rng.randrange(1, 5))
    if rng.random() < 0.5:
        a, b = b, a
    return rng.choice(LARGE).format(a=a, b=b)


def turns(rng) -> list[tuple[str, str]]:
    roll = rng.random()
    if roll < 0.3:
        return [(rng.choice(FRAMES).format(t=rng.choice(TOPICS)), ANSWER)]
    if roll < 0.48:
        country = rng.choice(capitals.table())[0] if rng.random() < 0.7 else pick(rng, "places")
        return [(rng.choice(COUNTRY_FRAMES).format(c=country), ANSWER)]
    if roll < 0.6:
        return [(rng.choice(capitals.TRAINED).format(c=pick(rng, "places")), ANSWER)]
    if roll < 0.75:
        return [(arithmetic(rng), SUM_ANSWER)]
    return [(rng.choice(SINGLE), ANSWER)]


def held_out(rng) -> str:
    roll = rng.random()
    if roll < 0.35:
        return rng.choice(FRAMES_HELD_OUT).format(t=rng.choice(TOPICS_HELD_OUT))
    if roll < 0.55:
        return rng.choice(COUNTRY_FRAMES_HELD_OUT).format(c=rng.choice(capitals.table())[0])
    if roll < 0.7:
        return rng.choice(capitals.HELD_OUT).format(c=pick(rng, "places", held_out=True))
    return rng.choice(SINGLE_HELD_OUT)
