"""Answers from the network in PyTorch: greedy or sampled, one conversation at a time."""

import torch

from .model import Cache
from .template import END, render


@torch.no_grad()
def complete(model, tokenizer, prompt: str, tokens_max: int, temperature: float = 0.0, seed: int = 0):
    """(text, finish_reason) for a raw prompt; finish_reason is "stop" or "length"."""
    end = tokenizer.token_to_id(END)
    dice = torch.Generator().manual_seed(seed)
    cache, made = Cache(), []
    fed = torch.tensor([tokenizer.encode(prompt).ids])
    for _ in range(min(tokens_max, model.config.context_tokens - fed.shape[1])):
        logits = model.logits(model.hidden(fed, cache)[0, -1])
        if temperature > 0:
            token = int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=dice))
        else:
            token = int(logits.argmax())
        if token == end:
            return tokenizer.decode(made), "stop"
        made.append(token)
        fed = torch.tensor([[token]])
    return tokenizer.decode(made), "length"


def answer(model, tokenizer, messages, tokens_max: int, temperature: float = 0.0, seed: int = 0):
    return complete(model, tokenizer, render(messages, True), tokens_max, temperature, seed)
