"""Arithmetic with balls: a centre, and a radius that covers what is possible.

The result of every operation covers all results for members of its arguments, up to
the rounding of floating point. That makes statements about whole intervals of time,
and not only about samples of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.pinn import layers_of, with_time


@dataclass(frozen=True, eq=False)
class Ball:
    """All tensors whose entries lie within ``radius`` of those of ``centre``."""

    centre: Tensor
    radius: Tensor  # of the same shape, no entry negative

    def __add__(self, other: "Ball | float") -> "Ball":
        other = _ball(other, self)
        return Ball(self.centre + other.centre, self.radius + other.radius)

    def __sub__(self, other: "Ball | float") -> "Ball":
        other = _ball(other, self)
        return Ball(self.centre - other.centre, self.radius + other.radius)

    def __mul__(self, other: "Ball | float") -> "Ball":
        other = _ball(other, self)
        radius = self.centre.abs() * other.radius
        radius = radius + self.radius * (other.centre.abs() + other.radius)
        return Ball(self.centre * other.centre, radius)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: float) -> "Ball":
        return _ball(other, self) - self

    def square(self) -> "Ball":
        """The square: tighter than the product of two balls that may differ."""
        half = self.radius**2 / 2
        return Ball(self.centre**2 + half, 2 * self.centre.abs() * self.radius + half)

    def tanh(self) -> "Ball":
        """The hyperbolic tangent, which is monotone."""
        low = (self.centre - self.radius).tanh()
        high = (self.centre + self.radius).tanh()
        return Ball((high + low) / 2, (high - low) / 2)

    def largest(self) -> Tensor:
        """The largest absolute value of each entry."""
        return self.centre.abs() + self.radius

    def unbind(self) -> tuple["Ball", ...]:
        """Its components along the last axis."""
        pairs = zip(self.centre.unbind(-1), self.radius.unbind(-1), strict=True)
        return tuple(Ball(centre, radius) for centre, radius in pairs)

    def apply(self, matrix: Tensor) -> "Ball":
        """A linear map of the last axis, ``(..., n) -> (..., m)`` for ``(m, n)``."""
        return Ball(self.centre @ matrix.mT, self.radius @ matrix.abs().mT)


def matrix_of(rows: Sequence[Sequence[Ball | float]], like: Ball) -> Ball:
    """A ball of matrices from its entries, balls like ``like`` or numbers."""
    entries = [[_ball(entry, like) for entry in row] for row in rows]
    centre = [torch.stack([b.centre for b in row], dim=-1) for row in entries]
    radius = [torch.stack([b.radius for b in row], dim=-1) for row in entries]
    return Ball(torch.stack(centre, dim=-2), torch.stack(radius, dim=-2))


def mlp_jet(
    net: nn.Module, t: Tensor, x: Tensor, half_width: float
) -> tuple[Ball, Ball, Ball]:
    """Value and first two time derivatives of a network, for intervals of time.

    Args:
        net: An `MLP` with ``tanh``, ``(..., 1 + d) -> (..., k)``; time comes first.
        t: Middles of the intervals, shape ``(...)``.
        x: States, shape ``(..., d)``.
        half_width: Half the length of every interval.

    Raises:
        ValueError: If the network is another one.
    """
    centre = with_time(t, x)
    direction = torch.zeros_like(centre)
    direction[..., 0] = 1.0
    none = torch.zeros_like(centre)
    value = Ball(centre, half_width * direction)
    velocity, bend = Ball(direction, none), Ball(none, none)
    *hidden, last = layers_of(net)
    for layer in hidden:
        value = (value.apply(layer.weight) + _exact(layer.bias)).tanh()
        velocity, bend = velocity.apply(layer.weight), bend.apply(layer.weight)
        slope = 1.0 - value.square()  # the derivative of tanh
        bend = slope * (bend - 2.0 * (value * velocity.square()))
        velocity = slope * velocity
    value = value.apply(last.weight) + _exact(last.bias)
    return value, velocity.apply(last.weight), bend.apply(last.weight)


def _exact(x: Tensor) -> Ball:
    return Ball(x, torch.zeros_like(x))


def _ball(x: Ball | float, like: Ball) -> Ball:
    if isinstance(x, Ball):
        return x
    return _exact(torch.full_like(like.centre, x))
