r"""Vector fields that obey the second law whatever their parameters.

The generalised Onsager principle is :math:`(M + W)\,\dot h = -\nabla V + g`, with
:math:`M` symmetric positive semidefinite and :math:`W` antisymmetric. `OnsagerField`
learns the solved form :math:`\dot h = -(M + W + \alpha I)\,\nabla V + g`. Gradients of
potentials are written out, so that training differentiates once, not twice.
"""

from collections.abc import Callable
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn

from lecture_utils.types import Time

Activation: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]  # x -> value, slope


def requr(x: Tensor) -> tuple[Tensor, Tensor]:
    r"""Rectified quadratic unit, and its slope, which rises from 0 to 1 on [0, 1/2].

    The value is :math:`\max(x, 0)^2 - \max(x - \frac12, 0)^2`: zero, a parabola, then
    :math:`x - \frac14`. Once differentiable, as a potential needs to be.
    """
    slope = (2 * x).clamp(0, 1)
    return slope * (x - slope / 4), slope


def smooth_tanh(x: Tensor) -> tuple[Tensor, Tensor]:
    """The hyperbolic tangent and its slope."""
    value = torch.tanh(x)
    return value, 1 - value**2


class Trunk(nn.Module):
    r"""Features :math:`\phi(x)` for several ends, whose slope can be pulled back.

    The first layer is :math:`\sigma(A x + b)`, every later one residual,
    :math:`x + \sigma(A x + b)`.

    Args:
        d_in: Number of inputs.
        width: Number of features.
        depth: Number of layers.
        activation: Function that returns value and slope, such as `requr`.

    Raises:
        ValueError: If a number is not positive.
    """

    def __init__(self, d_in: int, *, width: int, depth: int, activation: Activation):
        super().__init__()
        if min(d_in, width, depth) < 1:
            raise ValueError(
                "dim, width and depth must be 1 or more, got "
                f"{d_in}, {width} and {depth}."
            )
        sizes = [d_in] + [width] * depth
        self.layers = nn.ModuleList(
            small(nn.Linear(n_in, n_out))
            for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.activation = activation

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features, ``(..., d_in) -> (..., width)``, and the slope of every layer."""
        first, *later = self.layers
        x, slope = self.activation(first(x))
        slopes = [slope]
        for layer in later:
            move, slope = self.activation(layer(x))
            x = x + move
            slopes.append(slope)
        return x, slopes

    def pull_back(self, slopes: list[Tensor], gradient: Tensor) -> Tensor:
        """Gradient in the inputs of what has this one in the features."""
        first, *later = cast(list[nn.Linear], list(self.layers))
        for layer, slope in zip(reversed(later), reversed(slopes[1:]), strict=True):
            gradient = gradient + (slope * gradient) @ layer.weight
        return (slopes[0] * gradient) @ first.weight


class Energy(nn.Module):
    r"""Potential :math:`V(h) = |P\phi(h) + Q h + b|^2 + \beta |h|^2`, on a `Trunk`.

    Never negative, and with :math:`\beta > 0` it grows at least like
    :math:`\beta |h|^2` in every direction (it is coercive).

    Raises:
        ValueError: If ``beta`` is negative or a size is not positive.
    """

    def __init__(
        self, dim: int, *, width: int, depth: int, beta: float, activation: Activation
    ):
        super().__init__()
        if not beta >= 0:
            raise ValueError(f"beta must be 0 or more, got {beta}.")
        self.trunk = Trunk(dim, width=width, depth=depth, activation=activation)
        self.end = nn.Linear(width, dim)  # P and b
        self.shortcut = nn.Linear(dim, dim, bias=False)  # Q
        for layer in (self.end, self.shortcut):
            nn.init.orthogonal_(layer.weight, gain=0.1)
        nn.init.uniform_(self.end.bias, 0, 0.1)
        self.beta = beta

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features ``(..., width)``, potential ``(...)``, its gradient ``(..., d)``."""
        features, slopes = self.trunk(h)
        root = self.end(features) + self.shortcut(h)
        value = root.square().sum(-1) + self.beta * h.square().sum(-1)
        slope = self.trunk.pull_back(slopes, root @ self.end.weight)
        slope = slope + root @ self.shortcut.weight + self.beta * h
        return features, value, 2 * slope


class OnsagerField(nn.Module):
    r"""Learned field :math:`\dot h = -(M + W + \alpha I)\,\nabla V + g`.

    :math:`M = L L^\top` is symmetric positive semidefinite and :math:`W` antisymmetric,
    so without :math:`g` the potential cannot grow:
    :math:`\dot V = -|L^\top \nabla V|^2 - \alpha |\nabla V|^2`. One trunk of features
    carries :math:`V`, :math:`M` and :math:`W`.

    Source: Yu, Tian, E & Li (2021), Phys. Rev. Fluids 6, 114402. `PlainField` and the
    fields of `lecture_utils.onsager_rivals` are what it is compared with.

    Args:
        dim: Number of components of the state.
        width: Features of the trunk.
        depth: Layers of the trunk, residual from the second on.
        drive: Network for :math:`g`, ``(..., d) -> (..., d)``, such as
            ``nn.Linear(dim, dim)``; None for a closed system.
        alpha: Least dissipation, 0 or more.
        beta: Least growth of the potential, 0 or more.
        activation: Function that returns value and slope.

    Raises:
        ValueError: If an argument is out of range; later, by every method, if the
            states do not have ``dim`` components.
    """

    def __init__(
        self,
        dim: int,
        *,
        width: int,
        depth: int = 1,
        drive: nn.Module | None = None,
        alpha: float = 0.1,
        beta: float = 0.1,
        activation: Activation = requr,
    ):
        super().__init__()
        if not alpha >= 0:
            raise ValueError(f"alpha must be 0 or more, got {alpha}.")
        self.energy = Energy(
            dim, width=width, depth=depth, beta=beta, activation=activation
        )
        # Below L, above W. Start with M = I and W = 0: a random W may turn the wrong
        # way round, and with V bounded below training may not get through W = 0.
        self.matrix = near_one(width, dim)
        self.drive = drive
        self.dim, self.alpha = dim, alpha

    def potential(self, h: Tensor) -> Tensor:
        """The potential ``V``, shape ``(..., d) -> (...)``; never negative."""
        return self.energy(checked_states(h, self.dim))[1]

    def slope(self, h: Tensor) -> Tensor:
        """Gradient of the potential, shape ``(..., d) -> (..., d)``."""
        return self.energy(checked_states(h, self.dim))[2]

    def matrices(self, h: Tensor) -> tuple[Tensor, Tensor]:
        r""":math:`M` (without :math:`\alpha I`) and :math:`W`, each ``(..., d, d)``."""
        lower, upper = self._triangles(self.energy(checked_states(h, self.dim))[0])
        return lower @ lower.mT, upper - upper.mT

    def _triangles(self, features: Tensor) -> tuple[Tensor, Tensor]:
        square = square_of(self.matrix(features), self.dim)
        return square.tril(), square.triu(1)

    def forward(self, t: Time, h: Tensor) -> Tensor:
        """Velocity, shape ``(..., d) -> (..., d)``."""
        features, _, slope = self.energy(checked_states(h, self.dim))
        lower, upper = self._triangles(features)
        loss = times(lower, times(lower.mT, slope)) + self.alpha * slope
        turn = times(upper - upper.mT, slope)
        free = -(loss + turn)
        return free if self.drive is None else free + self.drive(h)


class PlainField(nn.Module):
    r"""Rival without any law: :math:`\dot h = P\phi(h) + b`, a network on a `Trunk`.

    Args:
        dim: Number of components of the state.
        width: Features of the trunk.
        depth: Layers of the trunk, residual from the second on.
        activation: Function that returns value and slope.

    Raises:
        ValueError: If a size is not positive; later, if the states do not have ``dim``
            components.
    """

    def __init__(
        self, dim: int, *, width: int, depth: int = 2, activation: Activation = requr
    ):
        super().__init__()
        self.trunk = Trunk(dim, width=width, depth=depth, activation=activation)
        self.end = small(nn.Linear(width, dim))
        self.dim = dim

    def forward(self, t: Time, h: Tensor) -> Tensor:
        """Velocity, shape ``(..., d) -> (..., d)``."""
        return self.end(self.trunk(checked_states(h, self.dim))[0])


def small(layer: nn.Linear) -> nn.Linear:
    """The layer with small random entries, as the authors of OnsagerNet start it."""
    nn.init.xavier_uniform_(layer.weight, gain=0.1)
    nn.init.uniform_(layer.bias, 0, 0.1)
    return layer


def near_one(width: int, dim: int) -> nn.Linear:
    """A layer ``(..., width) -> (..., dim * dim)`` that starts near the identity."""
    layer = small(nn.Linear(width, dim * dim))
    layer.bias.data.copy_(torch.eye(dim).flatten())
    return layer


def square_of(entries: Tensor, dim: int) -> Tensor:
    """The entries as square matrices, ``(..., dim * dim) -> (..., dim, dim)``."""
    return entries.unflatten(-1, (dim, dim))


def checked_states(h: Tensor, dim: int) -> Tensor:
    """The states, if they have as many components as the field."""
    if h.ndim == 0 or h.shape[-1] != dim:
        raise ValueError(
            f"States must have {dim} components, shape (..., {dim}), got "
            f"{tuple(h.shape)}."
        )
    return h


def times(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrix times vector, ``(..., m, n), (..., n) -> (..., m)``."""
    return (matrix * vector[..., None, :]).sum(-1)
