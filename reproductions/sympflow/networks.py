"""The two kinds of network, and what their training makes small."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from lecture_utils.hamiltonian import SympFlow
from lecture_utils.nets import MLP
from lecture_utils.types import Time


class PlainFlow(nn.Module):
    r"""Hard initial condition, no symmetry: :math:`x + (N(t, x) - N(0, x))`."""

    def __init__(self, dim: int, *, width: int, depth: int = 2):
        super().__init__()
        self.net = MLP(dim + 1, dim, width=width, depth=depth)

    def forward(self, t: Time, x: Tensor) -> Tensor:
        """The state a time ``t`` after ``x``, shape ``(..., d) -> (..., d)``."""
        return self.with_velocity(t, x)[0]

    def with_velocity(self, t: Time, x: Tensor) -> tuple[Tensor, Tensor]:
        """State and velocity; the chain rule is carried along through the layers."""
        time = torch.as_tensor(t, dtype=x.dtype, device=x.device).expand(x.shape[:-1])[
            ..., None
        ]
        at_zero = self.net(torch.cat([torch.zeros_like(time), x], dim=-1))
        values = torch.cat([time, x], dim=-1)
        rates = torch.cat([torch.ones_like(time), torch.zeros_like(x)], dim=-1)
        *hidden, last = cast(list[nn.Linear], list(self.net.layers))
        for layer in hidden:
            values, rates = torch.tanh(layer(values)), rates @ layer.weight.mT
            rates = (1 - values**2) * rates
        return x + (last(values) - at_zero), rates @ last.weight.mT


def build(kind: str, dim: int, size: tuple[int, ...]) -> SympFlow | PlainFlow:
    """``"symplectic"`` with (layers, width) or ``"plain"`` with (width,)."""
    if kind == "symplectic":
        return SympFlow(dim, n_layers=size[0], width=size[1]).double()
    return PlainFlow(dim, width=size[0]).double()


class Residual(nn.Module):
    r"""How far a network is from solving the system, per sample and component.

    With ``matching`` above zero a symplectic network is also charged
    :math:`\sqrt{\text{matching}}\,(H_N - H)`, the error of its own Hamiltonian.
    """

    def __init__(self, flow: SympFlow | PlainFlow, system: Any, matching: float = 0.0):
        super().__init__()
        self.flow: Any = flow
        self.system, self.matching = system, matching

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        later, velocity = self.flow.with_velocity(t, x)
        missed = velocity - self.system(t, later)
        if not self.matching:
            return missed
        gap = self.flow.hamiltonian_from(t, x) - self.system.energy(later)
        return torch.cat([missed, self.matching**0.5 * gap[..., None]], dim=-1)
