"""Networks whose layers are written as numerical methods."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lecture_utils.integrators import euler_step
from lecture_utils.types import StepMethod


class MLP(nn.Module):
    """Fully connected network, ``(..., d_in) -> (..., d_out)``; its end is affine.

    Args:
        d_in: Number of inputs.
        d_out: Number of outputs.
        width: Units in each hidden layer.
        depth: Number of hidden layers.
        activation: Applied after each hidden layer.
    """

    def __init__(
        self,
        d_in: int,
        d_out: int,
        *,
        width: int,
        depth: int,
        activation: Callable[[Tensor], Tensor] = torch.tanh,
    ):
        super().__init__()
        sizes = [d_in] + [width] * depth + [d_out]
        self.layers = nn.ModuleList(
            nn.Linear(n_in, n_out)
            for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Values of the network, ``(..., d_in) -> (..., d_out)``."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


class ResidualStep(nn.Module):
    r"""Learned flow map :math:`\Phi(x) = x + dt\,f_\theta(x)`.

    This is one explicit Euler step of :math:`\dot x = f_\theta(x)`. A residual
    network is a rollout of such steps with different :math:`\theta`.

    Args:
        field: Network for :math:`f_\theta`, ``(..., d) -> (..., d)``.
        dt: Time step in the units of the data. At ``dt = 0`` the map is the identity.
    """

    def __init__(self, field: nn.Module, dt: float):
        super().__init__()
        self.field = field
        self.dt = dt

    def forward(self, x: Tensor) -> Tensor:
        """The next state, ``(..., d) -> (..., d)``."""
        return x + self.dt * self.field(x)


class ResidualNetwork(nn.Module):
    r"""A time-dependent field, one network per layer, advanced by a one-step method.

    With `euler_step` this is the residual network :math:`x \leftarrow x + dt\,f_i(x)`;
    any other method gives another architecture with the same parameters. During layer
    ``i`` the field is :math:`f_i`, whatever the time of the stage.

    Args:
        fields: One network per layer, ``(..., d) -> (..., d)``.
        dt: Time step, the same for every layer.
        step: One-step method ``(field, t, x, dt) -> x_next``.
    """

    def __init__(
        self,
        fields: Sequence[nn.Module],
        dt: float,
        step: StepMethod = euler_step,
    ):
        super().__init__()
        self.fields = nn.ModuleList(fields)
        self.dt = dt
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        """The state behind the last layer, ``(..., d) -> (..., d)``."""
        for i, field in enumerate(self.fields):
            x = self.step(lambda t, x, field=field: field(x), i * self.dt, x, self.dt)
        return x

    def trajectory(self, x: Tensor) -> Tensor:
        """The states between the layers, ``(..., d) -> (..., n_layers + 1, d)``."""
        states = [x]
        for i, field in enumerate(self.fields):
            x = self.step(lambda t, x, field=field: field(x), i * self.dt, x, self.dt)
            states.append(x)
        return torch.stack(states, dim=-2)


class StackedLinear(nn.Module):
    """Several affine layers side by side, ``(S, n, d_in) -> (S, n, d_out)``."""

    def __init__(self, layers: Sequence[nn.Linear]):
        super().__init__()
        weights = torch.stack([layer.weight.detach().mT for layer in layers])
        biases = torch.stack([layer.bias.detach()[None] for layer in layers])
        self.weight = nn.Parameter(weights.contiguous())
        self.bias = nn.Parameter(biases)

    def forward(self, x: Tensor) -> Tensor:
        """Row ``s`` by layer ``s``, ``(S, n, d_in) -> (S, n, d_out)``."""
        return torch.baddbmm(self.bias, x, self.weight)


def stacked(members: Sequence[nn.Module]) -> nn.Module:
    """Networks of one architecture as one module, evaluated and trained as one batch.

    Summing the members' losses trains each as if it were alone, since none of them sees
    another's parameters. That is how this book affords several seeds.

    Args:
        members: S networks of equal structure whose parameters all belong to
            `nn.Linear` layers with bias. They are copied.

    Returns:
        Module ``(S, n, d_in) -> (S, n, d_out)``: member ``s`` acts on ``x[s]``.

    Raises:
        ValueError: If there are no members, they have other parameters, or differ in
            structure, buffers or attributes such as ``dt`` or ``activation``.
    """
    if not members:
        raise ValueError("stacked needs at least one network of one architecture.")
    model = copy.deepcopy(members[0])
    linear = [n for n, m in model.named_modules() if isinstance(m, nn.Linear)]
    shapes = [{n: p.shape for n, p in m.named_parameters()} for m in members]
    known = {f"{n}.{kind}" for n in linear for kind in ("weight", "bias")}
    if any(shape != shapes[0] for shape in shapes) or set(shapes[0]) != known:
        raise ValueError(
            "stacked needs networks of one architecture made of nn.Linear layers with "
            f"bias; these have the parameters {[list(shape) for shape in shapes]}."
        )
    first, *others = map(_constants, members)
    for other in others:
        if other != first:
            keys = first.keys() | other.keys()
            differ = sorted(k for k in keys if first.get(k) != other.get(k))
            raise ValueError(
                "stacked needs networks of one architecture that differ in parameters "
                f"only; these differ in {', '.join(differ)}. Give all of them the same."
            )
    for name in linear:
        layers = [m.get_submodule(name) for m in members]
        model.set_submodule(name, StackedLinear(layers))  # type: ignore[arg-type]
    return model


def _constants(model: nn.Module) -> dict[str, object]:
    """All that a network computes with, parameters aside, by its name."""
    found: dict[str, object] = {}
    for name, part in model.named_modules():
        found[f"{name}.type".lstrip(".")] = type(part)
        for key, value in (*vars(part).items(), *part.named_buffers(recurse=False)):
            if not key.startswith("_") and key != "training":
                value = value.tolist() if isinstance(value, Tensor) else value
                found[f"{name}.{key}".lstrip(".")] = value
    return found


class ScaledStep(nn.Module):
    r"""Learned flow map :math:`\Phi(x) = x + a + b \odot N\big((x - c) / s\big)`.

    A residual step whose network sees inputs and increments of mean zero and variance
    one, whatever the units of the data and however small the time step.

    Args:
        net: Network ``(..., d) -> (..., d)``.
        x: States the step will be trained on, ``(n, d)`` with ``n >= 2``.
        x_next: Where the flow takes them, ``(n, d)``.

    Raises:
        ValueError: If these are not two floating-point tensors of one such shape.
    """

    centre: Tensor
    spread: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, net: nn.Module, x: Tensor, x_next: Tensor):
        super().__init__()
        if (
            x.ndim != 2
            or len(x) < 2
            or x_next.shape != x.shape
            or not (x.is_floating_point() and x_next.is_floating_point())
        ):
            raise ValueError(
                "x and x_next must be states of one shape (n, d), floating point, with "
                f"n >= 2 to have a spread; got {tuple(x.shape)} in {x.dtype} and "
                f"{tuple(x_next.shape)} in {x_next.dtype}."
            )
        self.net = net
        centre, spread = _mean_and_spread(x)
        shift, scale = _mean_and_spread(x_next - x)
        for name, value in [("centre", centre), ("spread", spread)]:
            self.register_buffer(name, value)
        for name, value in [("shift", shift), ("scale", scale)]:
            self.register_buffer(name, value)

    def forward(self, x: Tensor) -> Tensor:
        """The next state, ``(..., d) -> (..., d)``."""
        move = self.net((x - self.centre) / self.spread)
        return x + self.shift + self.scale * move


class FastStep(nn.Module):
    r"""The same map as a `ScaledStep` around a tanh `MLP`, evaluated faster.

    The scalings become part of the weights, and so does
    :math:`\tanh z = 2\,\sigma(2z) - 1`: PyTorch evaluates the logistic function
    :math:`\sigma` up to ten times as fast as tanh. Results differ by rounding.

    Args:
        step: What to evaluate; its weights are copied.

    Raises:
        ValueError: If the network of ``step`` is not an `MLP` with tanh.
    """

    def __init__(self, step: ScaledStep):
        super().__init__()
        net = step.net
        if not isinstance(net, MLP) or net.activation is not torch.tanh:
            raise ValueError(
                "step must be a ScaledStep around an MLP with activation=torch.tanh, "
                f"found {step}. Evaluate the step itself."
            )
        weights = [p.detach().clone() for p in net.parameters() if p.ndim == 2]
        biases = [p.detach().clone() for p in net.parameters() if p.ndim == 1]
        weights[0] /= step.spread
        biases[0] -= weights[0] @ step.centre
        for weight, bias in zip(weights[1:], biases[1:], strict=True):
            bias -= weight.sum(dim=1)  # tanh z = 2 sigma - 1 comes in
            weight *= 2
        for inner in (*weights[:-1], *biases[:-1]):
            inner *= 2  # 2 z goes out
        weights[-1] *= step.scale[:, None]
        biases[-1] *= step.scale
        biases[-1] += step.shift
        *hidden, self.last = map(_frozen_layer, weights, biases)
        self.hidden = nn.ModuleList(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """The next state, ``(..., d) -> (..., d)``."""
        y = x
        for layer in self.hidden:
            y = layer(y).sigmoid_()
        return x + self.last(y)


def _frozen_layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    n_out, n_in = weight.shape
    layer = nn.Linear(n_in, n_out, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    layer.bias = nn.Parameter(bias, requires_grad=False)
    return layer


def _mean_and_spread(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per component; 1 where a component is constant."""
    spread = x.std(dim=0)
    constant = spread <= 1e-12 * spread.max()
    return x.mean(dim=0), torch.where(constant, torch.ones_like(spread), spread)
