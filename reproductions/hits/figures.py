"""The data of Figures 2, 5, 9 and 10 of the paper, from our networks.

Figure 6 is Tables 5, 6 and 9; Figure 8 is Tables 6, 7 and 8.
"""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from lecture_utils.data import reference_trajectories, sample_box
from lecture_utils.hits import HierarchicalStepper
from lecture_utils.nets import MLP, ScaledStep
from lecture_utils.systems import HarmonicOscillator
from lecture_utils.training import fit_least_squares
from lecture_utils.types import FlowMap
from reproductions.hits.problems import LEVELS, N_STEPS, PROBLEMS
from reproductions.hits.scoring import data, load_stepper, provenance, read_records
from reproductions.hits.timing import RK_LEVELS, hybrid, networks_on_top, runge_kutta
from reproductions.hits.training import load_flows

EVERY = 40  # steps between the errors that are kept: 128 of 5,120
GRID = 9  # states along each axis of Figure 10
JUMPS = (1, 2, 4, 8, 16, 32, 64)  # of 0.16 time units, Lorenz of 0.008
LORENZ_PATCH = ((-9.0, -7.0), (6.0, 8.0))  # at z = 27


def stepwise(forecast: Tensor, true: Tensor) -> list[float | None]:
    """Mean squared error at every time, over trajectories and components.

    None where it is not finite.
    """
    errors = (forecast - true).square().mean(dim=(0, 2))
    return [float(f"{e:.4g}") if e == e and e < 1e30 else None for e in errors.tolist()]


def figure2(n_steps: int = 1024, dt: float = 0.008) -> Iterator[dict]:
    """Harmonic oscillator: eight networks alone, and levels 64, 8, 1 together."""
    system = HarmonicOscillator()
    generator = torch.Generator().manual_seed(100)
    x0 = sample_box(system.region, 100, generator=generator)
    true = torch.stack([system.flow(dt * i, x0) for i in range(n_steps + 1)], dim=1)
    flows = {k: _oscillator_step(system, k * dt) for k in LEVELS[:8]}
    schemes = {f"NNTS {k}": (n,) for k, n in enumerate(flows)}
    for scheme, levels in (schemes | {"multiscale": (1, 8, 64)}).items():
        stepper = HierarchicalStepper({k: flows[k] for k in levels}, dt)
        errors = stepwise(stepper(x0, n_steps)[:, ::8], true[:, ::8])
        yield _record("2", "harmonic_oscillator", scheme, 8 * dt, errors)


def _oscillator_step(system: HarmonicOscillator, h: float) -> ScaledStep:
    generator = torch.Generator().manual_seed(0)
    x = sample_box(system.region, 300, generator=generator)
    x_next = system.flow(h, x)
    torch.manual_seed(0)
    step = ScaledStep(MLP(2, 2, width=8, depth=1).double(), x, x_next)
    fit_least_squares(
        lambda net, x, y: (net(x) - y) / step.scale, step, (x, x_next), n_steps=12
    )
    return step


def figure5(name: str) -> Iterator[dict]:
    """Error over time: every network alone, and the selected levels together."""
    flows, dt = load_flows(name)[0], PROBLEMS[name].dt
    true = data(name, "test", "accurate")
    schemes = {f"NNTS {k}": (n,) for k, n in enumerate(LEVELS)}
    for scheme, levels in (schemes | {"multiscale": load_stepper(name).levels}).items():
        chosen: Mapping[int, FlowMap] = {k: flows[k] for k in levels}
        stepper = HierarchicalStepper(chosen, dt, interpolation="spline")
        errors = _errors_of(lambda s=stepper: s(true[:, 0], N_STEPS), true, EVERY)
        yield _record("5", name, scheme, EVERY * dt, errors)


def figure9(name: str) -> Iterator[dict]:
    """Error over time: Runge-Kutta alone and the hybrids of Table 9, as timed there."""
    flows = networks_on_top(name)
    tops = {
        record["scheme"]: record["top"]
        for record in read_records(table="hits_table9")
        if record["system"] == name
    }
    true, dt = data(name, "test", "accurate"), PROBLEMS[name].dt
    x0 = true[:, 0].float()
    for k, substeps in enumerate(RK_LEVELS):
        every = max(1, EVERY // substeps)
        wanted = true[:, ::substeps]
        errors = _errors_of(lambda s=substeps: runge_kutta(name, s)(x0), wanted, every)
        yield _record("9", name, f"RK {k}", every * substeps * dt, errors)
        if top := tops.get(f"Hybrid {k}, own top"):
            stepper = hybrid(name, flows[top], top, substeps)
            n_steps = N_STEPS // substeps
            errors = _errors_of(lambda s=stepper, n=n_steps: s(x0, n), wanted, every)
            record = _record("9", name, f"Hybrid {k}", every * substeps * dt, errors)
            yield record | {"top": top}


def figure10(name: str) -> dict:
    """Increments of the true flow over a grid of states, for growing times."""
    problem = PROBLEMS[name]
    region = LORENZ_PATCH if name == "lorenz" else problem.region
    axes = [torch.linspace(*bounds, GRID, dtype=torch.float64) for bounds in region]
    grid = torch.cartesian_prod(*axes)
    if name == "lorenz":
        grid = torch.cat([grid, torch.full_like(grid[:, :1], 27.0)], dim=1)
    h = 16 * problem.dt
    times = h * torch.arange(JUMPS[-1] + 1, dtype=torch.float64)
    states = reference_trajectories(problem.field, grid, times, rtol=1e-8).states
    increments = (states[:, list(JUMPS)] - states[:, :1]).mT
    return {
        "figure": "10",
        "system": name,
        "states": _rounded(grid),
        "times": [h * n for n in JUMPS],
        "increments": _rounded(increments),
    } | provenance()


def figures(name: str) -> list[dict]:
    """All records of one system."""
    return [*figure5(name), *figure9(name), figure10(name)]


def _errors_of(
    forecast: Callable[[], Tensor], true: Tensor, every: int
) -> list[float | None]:
    try:
        return stepwise(forecast()[:, ::every], true[:, ::every])
    except FloatingPointError:  # it diverges
        return [None] * len(true[0, ::every])


def _record(
    figure: str, name: str, scheme: str, spacing: float, errors: list[float | None]
) -> dict:
    return {
        "figure": figure,
        "system": name,
        "scheme": scheme,
        "spacing": spacing,
        "errors": errors,
    } | provenance()


def _rounded(values: Tensor) -> list:
    return torch.round(values, decimals=6).tolist()
