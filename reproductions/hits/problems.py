"""The five systems of the paper: regions, splits, step sizes, and our data.

The paper's ground truth comes from an adaptive solver at its default tolerance and is
itself wrong by up to 3 (mean squared error, Lorenz). Ours is accurate to 1e-10.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data import reference_trajectories, sample_box
from lecture_utils.integrators import integrate
from lecture_utils.systems import (
    CubicOscillator,
    HopfNormalForm,
    HyperbolicFixedPoint,
    Lorenz63,
    Region,
    VanDerPol,
)
from lecture_utils.types import VectorField

N_STEPS = 5120  # of the finest time step, in every trajectory
LEVELS = tuple(2**k for k in range(11))  # steps of a network, in finest time steps
WARM_UP = 100.0  # time units until Lorenz states are spread over the whole attractor
N_NOISY_STEPS = 4  # of a network, in a window of noisy states
LONGEST_NOISY_WINDOW = 256  # in finest time steps: beyond it, errors grow too much
SPLITS = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Problem:
    """One system with the paper's numbers, and the size of our networks for it."""

    field: VectorField
    region: Region
    test_region: Region  # of validation and test states
    dt: float  # finest time step
    n_trajectories: dict[str, int]
    width: int  # of both hidden layers
    n_pairs: int  # training pairs per network
    n_steps: int  # of Levenberg-Marquardt
    n_long_pairs: int | None = None  # for steps of 512 and more, if they need it
    n_noisy_windows: int | None = None  # where noise of both states has to be fitted
    on_attractor: bool = False


def _sizes(train: int, test: int) -> dict[str, int]:
    return {"train": train, "validation": test, "test": test}


def _problem(system, *, dt=0.01, train, test=320, **options) -> Problem:
    test_region = getattr(system, "test_region", system.region)
    sizes = _sizes(train, test)
    return Problem(system, system.region, test_region, dt, sizes, **options)


PROBLEMS = {
    "hyperbolic": _problem(
        HyperbolicFixedPoint(), train=1600, width=36, n_pairs=3000, n_steps=30
    ),
    "cubic": _problem(
        CubicOscillator(),
        train=3200,
        width=36,
        n_pairs=4000,
        n_steps=45,
        n_long_pairs=12000,
        n_noisy_windows=8000,
    ),
    "van_der_pol": _problem(
        VanDerPol(),
        train=3200,
        width=36,
        n_pairs=4000,
        n_steps=45,
        n_noisy_windows=8000,
    ),
    "hopf": _problem(HopfNormalForm(), train=3200, width=36, n_pairs=4000, n_steps=45),
    "lorenz": _problem(
        Lorenz63(),
        dt=5e-4,
        train=6400,
        test=640,
        width=36,
        n_pairs=4000,
        n_steps=45,
        on_attractor=True,
    ),
}


def initial_states(problem: Problem, split: str, seed: int) -> Tensor:
    """The initial states of one split, float64, shape ``(n, d)``.

    Training states depend on ``seed``; validation and test states never do.
    """
    draw = 1000 * SPLITS[split] + (seed if split == "train" else 0)
    n = problem.n_trajectories[split]
    region = problem.region if split == "train" else problem.test_region
    return drawn_states(problem, region, n, torch.Generator().manual_seed(draw))


def drawn_states(
    problem: Problem, region: Region, n: int, generator: torch.Generator
) -> Tensor:
    """States anywhere in a region, or from there on the attractor, shape ``(n, d)``."""
    x0 = sample_box(region, n, generator=generator)
    if problem.on_attractor:
        times = torch.linspace(0, WARM_UP, 10001, dtype=torch.float64)
        x0 = integrate(problem.field, x0, times)[:, -1]
    return x0


def trajectories(problem: Problem, split: str, seed: int = 0) -> Tensor:
    """Accurate trajectories of one split, shape ``(n, 5121, d)``."""
    x0 = initial_states(problem, split, seed)
    # Of thousands of chaotic trajectories, some magnify rounding to more than 1e-8.
    return solved(problem, x0, 1e-6 if split == "train" else 1e-8)


def solved(problem: Problem, x0: Tensor, tolerance_if_chaotic: float = 1e-8) -> Tensor:
    """Trajectories from states ``(n, d)``, shape ``(n, 5121, d)``.

    Correct to 1e-10 of the largest state; chaotic ones to an absolute tolerance.
    """
    times = problem.dt * torch.arange(N_STEPS + 1, dtype=torch.float64)
    chaotic = problem.on_attractor
    rtol, atol = (0.0, tolerance_if_chaotic) if chaotic else (1e-10, 0.0)
    return reference_trajectories(problem.field, x0, times, rtol=rtol, atol=atol).states


def training_windows(
    problem: Problem, states: Tensor, seed: int, *, noisy: bool = False
) -> Iterator[tuple[int, Tensor]]:
    """For every level: its substeps, and windows of states a step apart.

    Windows ``(n_pairs, 2, d)`` are pairs. Up to half of them start at initial states,
    each at most once; the others start at random times along the trajectories, where a
    forecast spends its time too (the paper trains on the first five steps of each
    trajectory only). Where noise has to be fitted as well, there are
    ``n_noisy_windows`` of up to `N_NOISY_STEPS` steps, shorter ones for long steps.
    """
    generator = torch.Generator().manual_seed(seed)
    for substeps in LEVELS:
        n, n_steps = problem.n_pairs, 1
        if substeps >= 512 and problem.n_long_pairs:
            n = problem.n_long_pairs
        if noisy and problem.n_noisy_windows:
            n = problem.n_noisy_windows
            n_steps = max(1, min(N_NOISY_STEPS, LONGEST_NOISY_WINDOW // substeps))
        half, last = min(n // 2, len(states)), N_STEPS - n_steps * substeps
        which = torch.randint(len(states), (n,), generator=generator)
        when = torch.randint(last + 1, (n,), generator=generator)
        which[:half] = torch.randperm(len(states), generator=generator)[:half]
        when[:half] = 0
        grid = when[:, None] + substeps * torch.arange(n_steps + 1)
        yield substeps, states[which[:, None], grid]
