"""Potential, Lyapunov exponent, valid time and fixed points; and the records."""

import copy
import json
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, stack_module_state, vmap

from lecture_utils.data import sample_box
from lecture_utils.integrators import integrate, rk4_step
from lecture_utils.types import Time, VectorField
from reproductions.jobs import write_atomically
from reproductions.onsager.problems import PROBLEMS

RESULTS = Path(__file__).parents[1] / "results" / "onsager.json"


def side_by_side(fields: Sequence[nn.Module]) -> VectorField:
    """Fields of one architecture as one, ``(S, ..., d) -> (S, ..., d)``."""
    parameters, buffers = stack_module_state(list(fields))
    base = copy.deepcopy(fields[0]).to("meta")

    def field(t: Time, h: Tensor) -> Tensor:
        def one(parameters: dict, buffers: dict, h: Tensor) -> Tensor:
            return functional_call(base, (parameters, buffers), (t, h))

        return vmap(one)(parameters, buffers, h)

    return field


def potential_error(found: Tensor, truth: Tensor) -> tuple[float, float]:
    """Relative distance of two potentials on a grid, and the factor that aligns them.

    The learned potential is moved to zero at its least value and multiplied by the one
    number that brings it closest to the true one.
    """
    found, truth = found - found.min(), truth - truth.min()
    factor = (found * truth).sum() / found.square().sum()
    return ((factor * found - truth).norm() / truth.norm()).item(), factor.item()


def lyapunov_exponent(
    field: VectorField, h0: Tensor, *, n_steps: int, dt: float, distance: float = 1e-6
) -> Tensor:
    """Mean growth rate of a small distance, renewed at every step.

    Args:
        field: Vector field.
        h0: States on the attractor, shape ``(..., d)``.
        n_steps: Steps of `rk4_step`; the first tenth only turns the distance.
        dt: Their length.
        distance: Between the two trajectories of each pair.

    Returns:
        One rate for each state, shape ``(...)``.
    """
    shift = torch.zeros_like(h0)
    shift[..., 0] = distance
    pair = torch.stack([h0, h0 + shift], dim=-2)
    total, skip = torch.zeros_like(h0[..., 0]), n_steps // 10
    with torch.no_grad():
        for i in range(n_steps):
            first, second = rk4_step(field, 0.0, pair, dt).unbind(-2)
            size = (second - first).norm(dim=-1)
            second = first + (second - first) * (distance / size)[..., None]
            pair = torch.stack([first, second], dim=-2)
            if i >= skip:
                total += (size / distance).log()
    return total / ((n_steps - skip) * dt)


def valid_time(
    predicted: Tensor, truth: Tensor, times: Tensor, threshold: float = 0.4
) -> Tensor:
    """When the error first exceeds ``threshold`` times the spread of the true states.

    Args:
        predicted: Trajectories, shape ``(..., n, T, d)``.
        truth: Their true counterparts, shape ``(n, T, d)``.
        times: Shape ``(T,)``.
        threshold: Relative to the root mean square distance from the mean state.

    Returns:
        Times, shape ``(..., n)``; the last one where the error stays below.
    """
    spread = (truth - truth.mean((0, 1))).square().sum(-1).mean().sqrt()
    wrong = ~((predicted - truth).norm(dim=-1) <= threshold * spread)
    first = wrong.double().argmax(dim=-1)
    return torch.where(wrong.any(-1), times[first], times[-1])


def fixed_point(field: VectorField, guess: Tensor, n_steps: int = 20) -> Tensor:
    """Where the field vanishes, by Newton's method from ``guess``, shape ``(d,)``."""
    h = guess
    for _ in range(n_steps):
        slope = jacrev(lambda h: field(0.0, h))(h)
        h = (h - torch.linalg.solve(slope, field(0.0, h))).detach()
    return h


def distance_of_distributions(a: Tensor, b: Tensor) -> float:
    """Largest gap between two cumulative distributions (Kolmogorov-Smirnov)."""
    a, b = a.flatten().sort().values, b.flatten().sort().values
    both = torch.cat([a, b])
    below_a = torch.searchsorted(a, both, right=True) / len(a)
    below_b = torch.searchsorted(b, both, right=True) / len(b)
    return (below_a - below_b).abs().max().item()


def lorenz_states(n: int, generator: torch.Generator) -> Tensor:
    """States on the true attractor, scaled as the networks see them, ``(n, 3)``."""
    problem = PROBLEMS["lorenz"]
    x0 = sample_box(problem.region, n, generator=generator)
    times = torch.linspace(0, 20, 2001).to(x0)
    return integrate(problem.system, x0, times)[:, -1] / problem.scale


def scaled(field: VectorField, scale: float) -> VectorField:
    """The field of ``h / scale``, for ``field`` that moves ``h``."""
    return lambda t, h: field(t, scale * h) / scale


def lorenz_fixed_points() -> Tensor:
    """The three true ones, in the units of Lorenz, shape ``(3, 3)``."""
    system = PROBLEMS["lorenz"].system
    a = (system.beta * (system.rho - 1)) ** 0.5
    b = system.rho - 1
    return torch.tensor([[0, 0, 0], [a, a, b], [-a, -a, b]], dtype=torch.float64)


def fixed_point_errors(field: VectorField) -> tuple[float, float]:
    """How far a learned Lorenz field's fixed points are from the true ones.

    Returns:
        For the centres of the wings the larger distance relative to their size, and for
        the origin the distance itself, in the units of Lorenz.
    """
    scale, points = PROBLEMS["lorenz"].scale, lorenz_fixed_points()
    origin, *wings = [
        (scale * fixed_point(field, p / scale) - p).norm().item() for p in points
    ]
    return max(wings) / points[1].norm().item(), origin


def square_grid() -> Tensor:
    """States all over the square of the pendulum's data, shape ``(101, 101, 2)``."""
    side = torch.linspace(-1, 1, 101, dtype=torch.float64)
    return torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)


def score_pendulum(field: nn.Module) -> dict:
    """How far the learned potential is from the energy, on the square of the data."""
    grid = square_grid()
    with torch.no_grad():
        found = field.potential(grid)  # type: ignore[operator]
    error, factor = potential_error(found, PROBLEMS["pendulum"].system.energy(grid))
    return {"potential_error": error, "potential_factor": factor}


def provenance() -> dict:
    """Versions and machine, for every record."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "machine": f"{platform.machine()} {platform.system()}",
        "date": date.today().isoformat(),
    }


def write_records(records: list[dict]) -> None:
    """One record per line, in a fixed order."""
    lines = ",\n".join(json.dumps(record) for record in records)
    write_atomically(RESULTS, f"[\n{lines}\n]\n".encode())


def read_records() -> list[dict]:
    """All recorded trials and scores."""
    return json.loads(RESULTS.read_text())
