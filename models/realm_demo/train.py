"""Trains the model, with checkpoints from which it goes on where it stopped.

    python -m realm_demo.train --folder RUN --steps 2000

The learning rate warms up, stays, and falls to a fiftieth over the last part
(`--cool-from` says when, in parts of the whole). Steps are the clock, so that a
machine of any speed makes the same model. A run that was stopped (SIGTERM saves)
goes on from its checkpoint with fresh text.
"""

import argparse
import json
import random
import signal
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from .batches import labelled_batch, stream
from .corpus.topics import TOPICS
from .generate import answer
from .model import Config, Llama
from .muon import Muon

SAMPLES = (
    ["What is the capital of France?"],
    ["My name is Alfred.", "What is 23 + 45?", "What is my name?"],
    ["I have a gecko named Pickles and I live in Halifax.", "What is my pet called?", "Where do I live?"],
    ["How do I stream?", "What is 58 + 67?", "How does string theory work?"],
    ["Tell me a story about a girl named Freya and a kettle."],
)


# Every fourth step also reads a few bare messages, so that pooled states tell topics apart.
TOPIC_STEPS, TOPIC_BATCH, TOPIC_WEIGHT, TOPIC_SHARPNESS = 4, 24, 0.2, 10.0


def optimisers(model: Llama, centres, args):
    matrices = [p for n, p in model.named_parameters() if n.startswith("blk") and p.ndim == 2]
    others = [p for n, p in model.named_parameters() if not (n.startswith("blk") and p.ndim == 2)] + [centres]
    return [
        Muon(matrices, lr=args.muon_rate, weight_decay=0.05),
        torch.optim.AdamW(others, lr=args.adam_rate, betas=(0.9, 0.98), weight_decay=0.0, eps=1e-9),
    ]


def rate_at(done: float, step: int, cool_from: float) -> float:
    """The learning rate as a part of its peak; `done` is the part of the run that is over."""
    warm = min(1.0, (step + 1) / 100)
    cool = 1.0 if done < cool_from else max(0.0, (1 - done) / (1 - cool_from))
    return warm * (0.02 + 0.98 * cool)


def loss_of(model: Llama, ids, weights):
    """The weighted sum of losses and the sum of weights; only weighted positions get logits."""
    hidden = model.hidden(ids[:, :-1])
    kept = weights[:, 1:] > 0
    losses = F.cross_entropy(model.logits(hidden[kept]), ids[:, 1:][kept], reduction="none")
    kept_weights = weights[:, 1:][kept]
    return (losses * kept_weights).sum(), kept_weights.sum()


def topic_loss_of(model: Llama, centres, ids, real, topics):
    """How badly the pooled states point at the centre of their topic. The centres are not exported."""
    pooled = (model.hidden(ids) * real[..., None]).sum(1) / real.sum(1, keepdim=True)
    likeness = F.normalize(pooled, dim=-1) @ F.normalize(centres, dim=-1).T
    return F.cross_entropy(TOPIC_SHARPNESS * likeness, topics)


def save(path: Path, model, centres, opts, state):
    fresh = path.with_suffix(".new")
    torch.save({"config": model.config.as_dict(), "model": model.state_dict(), "centres": centres.detach(), "opts": [o.state_dict() for o in opts], "state": state}, fresh)
    fresh.replace(path)


def show_samples(model, tokenizer):
    for said in SAMPLES:
        messages = []
        for one in said:
            messages.append({"role": "user", "content": one})
            text, _ = answer(model, tokenizer, messages, tokens_max=130)
            messages.append({"role": "assistant", "content": text})
            print("   ", one, "->", text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--adam-rate", type=float, default=0.004)
    parser.add_argument("--cool-from", type=float, default=0.36)
    parser.add_argument("--batches-per-step", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--config", type=json.loads, default={})
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer = Tokenizer.from_file(str(args.folder / "tokenizer.json"))
    checkpoint = args.folder / "checkpoint.pt"
    model = Llama(Config(vocab_count=tokenizer.get_vocab_size(), **args.config))
    centres = torch.nn.Parameter(torch.randn(len(TOPICS), model.config.width))
    opts = optimisers(model, centres, args)
    state = {"step": 0, "number": 0, "tokens": 0, "seconds": 0.0}
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        centres.data.copy_(kept["centres"])
        for opt, s in zip(opts, kept["opts"], strict=True):
            rates = [g["lr"] for g in opt.param_groups]
            opt.load_state_dict(s)
            for g, rate in zip(opt.param_groups, rates, strict=True):
                g["lr"] = rate
        state = kept["state"]
    peaks = [[g["lr"] for g in o.param_groups] for o in opts]
    print("parameters", sum(p.numel() for p in model.parameters()), state, flush=True)

    began, before = time.time(), state["seconds"]
    batches = stream(tokenizer, args.seed, state["number"], model.config.context_tokens)
    shown = saved = sampled = began
    loss_kept, weight_kept, topic_loss_kept = 0.0, 0.0, 0.0
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while not stopped and state["step"] < args.steps:
        done = state["step"] / args.steps
        part = rate_at(done, state["step"], args.cool_from)
        drawn = [next(batches) for _ in range(args.batches_per_step)]
        weight = sum(float(w[:, 1:].sum()) for _, w, _ in drawn)
        for ids, weights, state["number"] in drawn:
            loss, _ = loss_of(model, ids, weights)
            (loss / weight).backward()
            loss_kept += float(loss.detach())
            state["tokens"] += ids.numel()
        if state["step"] % TOPIC_STEPS == 0:
            dice = random.Random(f"topics/{args.seed}/{state['step']}")
            topic_loss = topic_loss_of(model, centres, *labelled_batch(tokenizer, dice, TOPIC_BATCH))
            (TOPIC_WEIGHT * topic_loss).backward()
            topic_loss_kept = 0.9 * topic_loss_kept + 0.1 * float(topic_loss.detach())
        weight_kept += weight
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt, peak in zip(opts, peaks, strict=True):
            for group, rate in zip(opt.param_groups, peak, strict=True):
                group["lr"] = rate * part
            opt.step()
            opt.zero_grad()
        state["step"] += 1
        now = time.time()
        state["seconds"] = before + now - began
        if now - shown > 30:
            print(f"step {state['step']} tokens {state['tokens']} loss {loss_kept / weight_kept:.4f} topics {topic_loss_kept:.3f} rate {part:.3f} done {done:.3f} {state['tokens'] / state['seconds']:.0f} tok/s", flush=True)
            shown, loss_kept, weight_kept = now, 0.0, 0.0
        if now - sampled > 300:
            show_samples(model, tokenizer)
            sampled = now
        if now - saved > 120:
            save(checkpoint, model, centres, opts, state)
            saved = now
    save(checkpoint, model, centres, opts, state)
    if not stopped:
        show_samples(model, tokenizer)


if __name__ == "__main__":
    main()
