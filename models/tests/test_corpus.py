"""The promises of the corpus: deterministic, and nothing held out is ever trained on.

    cd models && python3 -m unittest discover tests
"""

import json
import random
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))

from realm_demo.corpus import capitals, outside, questions, stories, sums
from realm_demo.corpus.conversation import conversation, text_of
from realm_demo.corpus.words import held_out_words
from realm_demo.evaluation.stories import faults

SAMPLE_COUNT = 3000


class Corpus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.texts = [text_of(conversation(99, n)) for n in range(SAMPLE_COUNT)]

    def test_number_n_is_always_the_same_conversation(self):
        self.assertEqual(self.texts[:50], [text_of(conversation(99, n)) for n in range(50)])
        self.assertGreater(len(set(self.texts)), SAMPLE_COUNT * 0.7)

    def test_no_held_out_word_is_trained_on(self):
        for text in self.texts:
            self.assertTrue(held_out_words().isdisjoint(re.findall(r"[a-z']+", text.lower())), text)

    def test_no_held_out_sum_is_trained_on(self):
        for text in self.texts:
            for a, b in re.findall(r"\b(\d{1,2}) \+ (\d{1,2}) = ", text):
                self.assertFalse(sums.is_held_out(int(a), int(b)), text)

    def test_no_held_out_phrasing_is_trained_on(self):
        held_out = {asked for topic in ("facts", "realm", "smalltalk") for entry in questions.entries(topic) for asked in entry.held_out}
        held_out |= set(outside.lists()["questions held out"])
        said = {line for text in self.texts for line in text.split("\n")}
        self.assertEqual(held_out & said, set())
        self.assertEqual(set(capitals.TRAINED) & set(capitals.HELD_OUT), set())

    def test_the_committed_cases_are_what_the_generator_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "realm_demo.evaluation.cases", "--out", folder]
            subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.DEVNULL)
            for made in Path(folder).iterdir():
                self.assertEqual(made.read_text(), (HERE / "cases" / made.name).read_text(), made.name)

    def test_a_story_of_the_grammar_has_no_fault_and_a_broken_one_has(self):
        rng = random.Random(5)
        for _ in range(300):
            who = stories.cast(rng, held_out=True)
            asked, story = stories.request(rng, who), stories.story(rng, who)
            self.assertEqual(faults(story, "stop", asked, who["H"], who["T"]), [])
            self.assertTrue(faults(story + " " + story, "stop", asked, who["H"], who["T"]))
            self.assertTrue(faults(story.replace(who["H"], "Xyzzy"), "stop", asked, who["H"], who["T"]))
            self.assertTrue(faults(story[:-20], "length", asked, who["H"], who["T"]))

    def test_cases_are_json_lines(self):
        for path in (HERE / "cases").iterdir():
            for line in path.read_text().splitlines():
                self.assertEqual(json.loads(line)["skill"], path.stem)


if __name__ == "__main__":
    unittest.main()
