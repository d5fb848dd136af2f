"""The network: a llama decoder, written exactly as GGUF's `llama` architecture reads it.

RMSNorm before each block, rotary positions on interleaved pairs (so that Q and K
need no permutation on export), grouped-query attention, SwiGLU, no biases, and an
output layer tied to the token embedding.

    tokens -> embed -> [ norm -> attention -> + ; norm -> SwiGLU -> + ] x blocks -> norm -> embed^T
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocab_count: int = 1536
    width: int = 160
    block_count: int = 6
    head_count: int = 5
    kv_head_count: int = 5
    ffn_width: int = 448
    context_tokens: int = 1024
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.head_count

    def as_dict(self) -> dict:
        return asdict(self)


class Norm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


def rope_table(config: Config):
    """One unit complex number per position and pair, shape (context, head_width / 2)."""
    pair = torch.arange(0, config.head_width, 2, dtype=torch.float32)
    angle = torch.outer(
        torch.arange(config.context_tokens, dtype=torch.float32),
        config.rope_theta ** (-pair / config.head_width),
    )
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x, turn):
    """Rotates the pairs (0,1), (2,3), ... of x: (batch, time, heads, head_width)."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn[:, None]).flatten(-2)


class Block(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        kv_width = c.kv_head_count * c.head_width
        self.c = c
        self.attn_norm = Norm(c.width, c.norm_eps)
        self.attn_q = nn.Linear(c.width, c.width, bias=False)
        self.attn_k = nn.Linear(c.width, kv_width, bias=False)
        self.attn_v = nn.Linear(c.width, kv_width, bias=False)
        self.attn_output = nn.Linear(c.width, c.width, bias=False)
        self.ffn_norm = Norm(c.width, c.norm_eps)
        self.ffn_gate = nn.Linear(c.width, c.ffn_width, bias=False)
        self.ffn_up = nn.Linear(c.width, c.ffn_width, bias=False)
        self.ffn_down = nn.Linear(c.ffn_width, c.width, bias=False)

    def attend(self, x, turn, cache):
        batch, time, _ = x.shape
        heads = (-1, self.c.head_width)
        q = rotate(self.attn_q(x).unflatten(-1, heads), turn).transpose(1, 2)
        k = rotate(self.attn_k(x).unflatten(-1, heads), turn).transpose(1, 2)
        v = self.attn_v(x).unflatten(-1, heads).transpose(1, 2)
        if cache is not None:
            k, v = cache.extend(self, k, v)
        group = self.c.head_count // self.c.kv_head_count
        if group > 1:
            k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        causal = q.shape[2] == k.shape[2]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal and time > 1)
        return self.attn_output(y.transpose(1, 2).reshape(batch, time, -1))

    def forward(self, x, turn, cache=None):
        x = x + self.attend(self.attn_norm(x), turn, cache)
        y = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(y)) * self.ffn_up(y))


class Cache:
    """Keys and values of the tokens already read; a step must be one prompt, then single tokens."""

    def __init__(self):
        self.kept, self.length = {}, 0

    def extend(self, block, k, v):
        if block in self.kept:
            k = torch.cat((self.kept[block][0], k), 2)
            v = torch.cat((self.kept[block][1], v), 2)
        self.kept[block] = (k, v)
        return k, v


class Llama(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.token_embd = nn.Embedding(config.vocab_count, config.width)
        self.blk = nn.ModuleList(Block(config) for _ in range(config.block_count))
        self.output_norm = Norm(config.width, config.norm_eps)
        self.register_buffer("turn", rope_table(config), persistent=False)
        self.initialise()

    def initialise(self):
        """Narrow normals; what writes to the residual stream starts at zero."""
        nn.init.normal_(self.token_embd.weight, std=self.config.width**-0.5)
        for block in self.blk:
            for name, p in block.named_parameters():
                if "norm" in name:
                    continue
                if name.startswith(("attn_output", "ffn_down")):
                    nn.init.zeros_(p)
                else:
                    nn.init.normal_(p, std=p.shape[1] ** -0.5)

    def hidden(self, tokens, cache=None):
        """The normed final states, shape (batch, time, width)."""
        start = cache.length if cache else 0
        end = start + tokens.shape[1]
        x = self.token_embd(tokens)
        for block in self.blk:
            x = block(x, self.turn[start:end], cache)
        if cache:
            cache.length = end
        return self.output_norm(x)

    def logits(self, hidden):
        return hidden @ self.token_embd.weight.T

    def forward(self, tokens, cache=None):
        return self.logits(self.hidden(tokens, cache))
