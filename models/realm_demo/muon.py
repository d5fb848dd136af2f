"""Muon: momentum whose steps are orthogonalised, for the matrices inside the blocks.

It learns from about half the text that AdamW needs, which decides on two cores.
Embeddings and norms stay with AdamW.
"""

import torch


def orthogonalise(g, steps: int = 5):
    """The nearest semi-orthogonal matrices to g, shape (count, rows, columns), by Newton-Schulz."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = g.shape[1] > g.shape[2]
    x = g.transpose(1, 2) if tall else g
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.transpose(1, 2)
        x = a * x + (b * s + c * (s @ s)) @ x
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for p in group["params"]:
                by_shape.setdefault(p.shape, []).append(p)
            for shape, params in by_shape.items():
                moved = []
                for p in params:
                    held = self.state[p].setdefault("held", torch.zeros_like(p))
                    held.lerp_(p.grad, 1 - group["momentum"])
                    moved.append(p.grad.lerp(held, group["momentum"]))
                steps = orthogonalise(torch.stack(moved))
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                for p, step in zip(params, steps, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(step, alpha=-group["lr"] * scale)
