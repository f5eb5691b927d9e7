r"""Flows that are symplectic by construction, and the Hamiltonian they obey.

The state is :math:`x = (q, p)`, positions and then as many momenta, and :math:`J` is
the matrix of Hamilton's equations :math:`\dot x = J \nabla H(x)`.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import grad, jacrev, vmap

from lecture_utils.checks import check_even
from lecture_utils.types import FlowMap, Time, VectorField


def hamiltonian_field(energy: Callable[[Time, Tensor], Tensor]) -> VectorField:
    r"""Hamilton's equations :math:`\dot q = \partial_p H,\ \dot p = -\partial_q H`.

    Args:
        energy: The Hamiltonian ``H(t, x)``, shape ``(..., d) -> (...)``; states must
            not influence one another.

    Returns:
        The field. It raises ValueError if the number of components is odd, or the
        energy is not one number per state.
    """

    def field(t: Time, x: Tensor) -> Tensor:
        check_even(x.shape[-1])
        slope = grad(lambda x: _one_per_state(energy(t, x), x).sum())(x)
        q_slope, p_slope = slope.chunk(2, dim=-1)
        return torch.cat([p_slope, -q_slope], dim=-1)

    return field


def _one_per_state(values: Tensor, x: Tensor) -> Tensor:
    if values.shape != x.shape[:-1]:
        raise ValueError(
            f"energy(t, x) must return one number per state, shape "
            f"{tuple(x.shape[:-1])}, got {tuple(values.shape)}. Sum over components "
            "with .sum(-1)."
        )
    return values


def symplecticity_defect(flow: FlowMap, x: Tensor) -> Tensor:
    r"""Largest entry of :math:`|D^T J D - J|`; :math:`D` is the slope of ``flow``.

    Zero, up to rounding, where the map is symplectic.

    Args:
        flow: Differentiable map, ``(d,) -> (d,)``.
        x: States, shape ``(..., d)``.

    Returns:
        One number per state, shape ``(...)``.

    Raises:
        ValueError: If ``d`` is odd: there must be as many momenta as positions.
    """
    dim = x.shape[-1]
    check_even(dim)
    slopes = vmap(jacrev(flow))(x.reshape(-1, dim))
    one = torch.eye(dim // 2).to(x)
    zero = torch.zeros_like(one)
    j = torch.cat([torch.cat([zero, one], 1), torch.cat([-one, zero], 1)])
    defect = (slopes.mT @ j @ slopes - j).abs().amax((-2, -1))
    return defect.reshape(x.shape[:-1])


class Potential(nn.Module):
    r"""A scalar :math:`V(t, q) = \sum_j w_j \tanh(a_j \cdot q + b_j + c_j t)`.

    Its derivatives are written out, so that training differentiates once, not twice.

    Args:
        dim: Number of components of ``q``.
        width: Number of terms.
    """

    def __init__(self, dim: int, *, width: int):
        super().__init__()
        self.inner = nn.Linear(dim, width)  # a_j and b_j
        self.pace = nn.Parameter(torch.randn(width))  # c_j
        self.weight = nn.Parameter(torch.randn(width) / width)  # w_j

    def _tanh(self, t: Time, q: Tensor) -> Tensor:
        time = torch.as_tensor(t, dtype=q.dtype, device=q.device)[..., None]
        return torch.tanh(self.inner(q) + time * self.pace)

    def forward(self, t: Time, q: Tensor) -> Tensor:
        """The value, shape ``(..., dim) -> (...)``."""
        return self._tanh(t, q) @ self.weight

    def rate(self, t: Time, q: Tensor) -> Tensor:
        r""":math:`\partial_t V(t, q)`, shape ``(..., dim) -> (...)``."""
        return (1 - self._tanh(t, q) ** 2) @ (self.weight * self.pace)

    def push(self, t: Time, q: Tensor) -> Tensor:
        r""":math:`\nabla V(t, q) - \nabla V(0, q)`, shape ``(..., dim) -> (..., dim)``.

        It is exactly zero at ``t = 0``.
        """
        change = self._tanh(0.0, q) ** 2 - self._tanh(t, q) ** 2
        return (change * self.weight) @ self.inner.weight

    def moving_push(self, t: Time, q: Tensor, q_rate: Tensor) -> tuple[Tensor, Tensor]:
        r"""`push` and its rate of change while ``q`` moves, all ``(..., dim)``."""
        start, now = self._tanh(0.0, q), self._tanh(t, q)
        z_rate = q_rate @ self.inner.weight.mT
        change = start**2 - now**2
        bend = start * (1 - start**2) * z_rate
        bend = 2 * (bend - now * (1 - now**2) * (z_rate + self.pace))
        a = self.inner.weight
        return (change * self.weight) @ a, (bend * self.weight) @ a


class SympFlow(nn.Module):
    r"""A symplectic network :math:`N(t, x)` that is exactly the identity at ``t = 0``.

    Its layers take turns: one changes the momenta by the `push` of a potential of the
    positions, :math:`p \leftarrow p - (\nabla V(t, q) - \nabla V(0, q))`, the next one
    the positions by that of a potential of the momenta,
    :math:`q \leftarrow q + (\nabla K(t, p) - \nabla K(0, p))`. Whatever its parameters,
    it is the exact flow of `hamiltonian`.

    Source: Canizares, Murari, Schönlieb, Sherry & Shumaylov (2024), arXiv:2412.16787.

    Args:
        dim: Number of components of the state, even.
        n_layers: Number of layers; the first one changes the momenta.
        width: Terms of each potential.

    Raises:
        ValueError: If ``dim`` is odd or a number is not positive.
    """

    def __init__(self, dim: int, *, n_layers: int, width: int):
        super().__init__()
        check_even(dim)
        if min(n_layers, width) < 1:
            raise ValueError(
                f"n_layers and width must be 1 or more, got {n_layers} and {width}."
            )
        self.potentials = nn.ModuleList(
            Potential(dim // 2, width=width) for _ in range(n_layers)
        )

    def _layers(self) -> list[tuple[int, Potential]]:
        return list(enumerate(cast(list[Potential], list(self.potentials))))

    def forward(self, t: Time, x: Tensor) -> Tensor:
        """The state a time ``t`` after ``x``, shape ``(..., d) -> (..., d)``.

        ``t`` is a number or has the shape ``(...)``: one time per state.
        """
        q, p = x.chunk(2, dim=-1)
        for i, potential in self._layers():
            if i % 2 == 0:
                p = p - potential.push(t, q)
            else:
                q = q + potential.push(t, p)
        return torch.cat([q, p], dim=-1)

    def inverse(self, t: Time, x: Tensor) -> Tensor:
        """The state a time ``t`` before ``x``: the layers undone, last one first."""
        q, p = x.chunk(2, dim=-1)
        for i, potential in reversed(self._layers()):
            if i % 2 == 0:
                p = p + potential.push(t, q)
            else:
                q = q - potential.push(t, p)
        return torch.cat([q, p], dim=-1)

    def with_velocity(self, t: Time, x: Tensor) -> tuple[Tensor, Tensor]:
        r"""The state :math:`N(t, x)` and its velocity :math:`\partial_t N(t, x)`."""
        q, p = x.chunk(2, dim=-1)
        q_rate, p_rate = torch.zeros_like(q), torch.zeros_like(p)
        for i, potential in self._layers():
            if i % 2 == 0:
                push, rate = potential.moving_push(t, q, q_rate)
                p, p_rate = p - push, p_rate - rate
            else:
                push, rate = potential.moving_push(t, p, p_rate)
                q, q_rate = q + push, q_rate + rate
        return torch.cat([q, p], dim=-1), torch.cat([q_rate, p_rate], dim=-1)

    def hamiltonian(self, t: Time, x: Tensor) -> Tensor:
        r"""The :math:`H(t, x)` whose exact flow this is, ``(..., d) -> (...)``."""
        return self.hamiltonian_from(t, self.inverse(t, x))

    def hamiltonian_from(self, t: Time, x0: Tensor) -> Tensor:
        r"""`hamiltonian` at the state :math:`N(t, x_0)`: no layer need be undone."""
        q, p = x0.chunk(2, dim=-1)
        total = torch.zeros_like(x0[..., 0])
        for i, potential in self._layers():
            if i % 2 == 0:
                total = total + potential.rate(t, q)
                p = p - potential.push(t, q)
            else:
                total = total + potential.rate(t, p)
                q = q + potential.push(t, p)
        return total
