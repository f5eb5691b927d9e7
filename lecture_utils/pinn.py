r"""Networks that solve a differential equation because their residual is small.

A trial flow :math:`N(t, x)` is a network that equals :math:`x` at :math:`t = 0`,
whatever its weights. Its residual :math:`\partial_t N - f(t, N)` says by how much it
misses the equation; training makes that small, without any solution as data.
"""

import torch
from torch import Tensor, nn
from torch.func import vjp
from torch.nn.functional import pad

from lecture_utils.checks import check_like
from lecture_utils.nets import MLP
from lecture_utils.types import Time, VectorField


class TrialFlow(nn.Module):
    r"""Trial flow :math:`N(t, x) = x + (\tilde N(t, x) - \tilde N(0, x))`.

    The initial state is met exactly, to the last bit. For that the difference must be
    formed first: :math:`(x + a) - a` is off by rounding.

    Derived in the chapter "Physics-informed solvers".

    Args:
        net: Network :math:`\tilde N`, ``(..., 1 + d) -> (..., k)`` with
            :math:`k \le d`: time comes first. If it has fewer outputs than the state
            has components, the last ones are parameters of the system and stay as
            they are.

    Raises:
        ValueError: When it is called, if ``net`` has more outputs than the state has
            components.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, t: Time, x: Tensor) -> Tensor:
        """State a time ``t`` after ``x``; times ``(...)``, states ``(..., d)``."""
        start = torch.zeros_like(x[..., :1])
        change = self.net(with_time(t, x)) - self.net(torch.cat([start, x], dim=-1))
        return x + _padded(change, x)


class WithVelocity(nn.Module):
    r"""A trial flow together with its time derivative, in formulas.

    The chain rule along :math:`t` is carried through the layers beside the values:
    for :math:`a = \tanh(W b + c)` it is :math:`\dot a = (1 - a^2) \odot W \dot b`.

    Args:
        flow: A trial flow whose network is an `MLP` with ``tanh``; its parameters are
            shared, not copied.

    Raises:
        ValueError: If the network is another one; use `value_and_velocity` then.
    """

    def __init__(self, flow: TrialFlow):
        super().__init__()
        layers_of(flow.net)  # raises
        self.flow = flow

    def forward(self, t: Time, x: Tensor) -> tuple[Tensor, Tensor]:
        """``N`` and its time derivative, both of shape ``(..., d)``."""
        value, velocity = _mlp_with_velocity(self.flow.net, with_time(t, x))
        start = torch.zeros_like(x[..., :1])
        change = value - self.flow.net(torch.cat([start, x], dim=-1))
        return x + _padded(change, x), _padded(velocity, x)


def value_and_velocity(flow: nn.Module, t: Time, x: Tensor) -> tuple[Tensor, Tensor]:
    """``N(t, x)`` and its time derivative by reverse mode, one pass per component.

    Args:
        flow: Any differentiable ``(t, x) -> state`` that treats samples independently.
        t: Times, shape ``(...)`` or a number.
        x: Initial states, shape ``(..., d)``.

    Returns:
        Value and velocity, both of shape ``(..., d)``.
    """
    times = with_time(t, x)[..., 0]
    value, pull = vjp(lambda times: flow(times, x), times)  # type: ignore[misc]
    directions = torch.eye(value.shape[-1]).to(value)
    slopes = [pull(direction.expand_as(value))[0] for direction in directions]
    return value, torch.stack(slopes, dim=-1)


def residual(field: VectorField, flow: WithVelocity, t: Time, x: Tensor) -> Tensor:
    """By how much ``flow`` misses the equation, shape ``(..., d)``.

    Args:
        field: Vector field ``(t, x) -> dx/dt``.
        flow: Returns value and velocity, as `WithVelocity` does.
        t: Times since the initial states, shape ``(...)`` or a number.
        x: Initial states at time 0, shape ``(..., d)``.

    Raises:
        ValueError: If the velocity of ``flow`` or of ``field`` does not have the shape,
            dtype and device of the state.
    """
    value, velocity = flow(t, x)
    check_like("the velocity of the flow", velocity, value)
    wanted = field(t, value)
    check_like("field(t, x)", wanted, value)
    return velocity - wanted


def with_time(t: Time, x: Tensor) -> Tensor:
    """Inputs of the network: time in front of the state, shape ``(..., 1 + d)``."""
    times = torch.as_tensor(t, dtype=x.dtype, device=x.device).expand(x.shape[:-1])
    return torch.cat([times.unsqueeze(-1), x], dim=-1)


def layers_of(net: nn.Module) -> list[nn.Linear]:
    """The affine layers of an `MLP` with ``tanh``.

    Raises:
        ValueError: If it is another network.
    """
    if not isinstance(net, MLP) or net.activation is not torch.tanh:
        raise ValueError(
            "The derivatives are known for an MLP with tanh, found "
            f"{type(net).__name__}. Try value_and_velocity, which differentiates any "
            "network."
        )
    return [layer for layer in net.layers if isinstance(layer, nn.Linear)]


def _padded(change: Tensor, x: Tensor) -> Tensor:
    """Zeros for the components of the state that have no output, ``(..., d)``."""
    n_parameters = x.shape[-1] - change.shape[-1]
    if n_parameters < 0:
        raise ValueError(
            "The network of a trial flow must have at most one output per component of "
            f"the state, but has {change.shape[-1]} outputs for {x.shape[-1]} "
            "components. Time is an input, no output."
        )
    return pad(change, (0, n_parameters))


def _mlp_with_velocity(net: nn.Module, values: Tensor) -> tuple[Tensor, Tensor]:
    velocity = torch.zeros_like(values)
    velocity = torch.cat([torch.ones_like(values[..., :1]), velocity[..., 1:]], dim=-1)
    *hidden, last = layers_of(net)
    for layer in hidden:
        values = layer(values).tanh()
        velocity = (1 - values**2) * (velocity @ layer.weight.mT)
    return last(values), velocity @ last.weight.mT
