"""What the networks are trained on and scored against: one protocol per table.

Tables 7 and 8 add noise as the public code of the paper does: normal, with the noise
level times the standard deviation of a trajectory, averaged over the trajectories, as
its own standard deviation (the text of the paper says variance). Training, validation
and test data are noisy, initial states too.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.signal import savgol_filter
from torch import Tensor

from lecture_utils.data import cut_into_windows, sample_box
from lecture_utils.types import VectorField
from reproductions.hits.problems import (
    LEVELS,
    N_STEPS,
    SPLITS,
    Problem,
    training_windows,
    trajectories,
)

WINDOWS = (7, 11, 17, 27, 41, 65, 101, 161, 251, 401)  # samples, of the filter
DEGREE = 4  # of the polynomials that it fits
LORENZ_SEED = ((-0.1, 0.1),) * 3  # where the paper starts its one long trajectory


@dataclass(frozen=True)
class Protocol:
    """Where the data come from, and where the scores go."""

    table: str  # file of the records
    name: str = "accurate"  # as the records call it
    noise: float = 0.0  # standard deviation, relative to that of the data
    interpolants: tuple[str, ...] = ("spline", "linear")  # the first one selects levels
    n_steps: int | None = None  # of Levenberg-Marquardt; by default the problem's
    width: int | None = None  # of the networks; by default the problem's
    levels: tuple[int, ...] = LEVELS


PROTOCOLS = {
    "accurate": Protocol("hits_table6"),
    "noise1": Protocol("hits_table7", noise=0.01, n_steps=60, width=20),
    "noise2": Protocol("hits_table8", noise=0.02, n_steps=60, width=20),
    "hybrid": Protocol("hits_table9", n_steps=100, levels=(64, 128)),
    "paper": Protocol("hits_table6", "paper", interpolants=("linear",), n_steps=20),
}


def measured(problem: Problem, split: str, seed: int, key: str) -> Tensor:
    """Trajectories as a protocol has them, shape ``(n, 5121, d)``."""
    protocol = PROTOCOLS[key]
    if protocol.name == "paper":
        return by_default_solver(problem, split)
    states = trajectories(problem, split, seed)
    if not protocol.noise:
        return states
    generator = torch.Generator().manual_seed(10 * seed + SPLITS[split])
    return states + noise(states, protocol.noise, generator)


def noise(states: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Noise for trajectories ``(n, T, d)``, by the definition of the public code."""
    scale = level * states.std(dim=1, correction=0).mean(dim=0)
    return scale * torch.randn(states.shape, dtype=states.dtype, generator=generator)


def windows(problem: Problem, seed: int, key: str) -> Iterator[tuple[int, Tensor]]:
    """Training data of every level: its substeps, and windows ``(n, m + 1, d)``."""
    states = measured(problem, "train", seed, key)
    if PROTOCOLS[key].name == "paper":
        yield from first_five_steps(states, problem.n_pairs, seed)
    elif PROTOCOLS[key].noise:
        yield from training_windows(problem, smoothed(states), seed, noisy=True)
    else:
        yield from training_windows(problem, states, seed)


def smoothed(states: Tensor) -> Tensor:
    """Trajectories ``(n, T, d)`` with most of their noise averaged away.

    A filter of Savitzky and Golay, that is, local polynomials. In each of the blocks of
    time between powers of two, and for each component, the window is the one of
    `WINDOWS` with the smallest error in leave-one-out cross-validation: short in the
    transients, longer afterwards. (A network that is trained on noisy inputs instead
    shrinks its steps: to it the noise looks like distance from the mean.)
    """
    components = states.numpy().transpose(2, 0, 1)
    columns = [_smoothed_component(component) for component in components]
    return torch.from_numpy(np.stack(columns, axis=-1))


def _smoothed_component(x: np.ndarray) -> np.ndarray:
    edges = [0, *(2**k for k in range(3, int(np.log2(x.shape[1])) + 1)), x.shape[1]]
    blocks = [slice(start, end) for start, end in itertools.pairwise(edges)]
    errors = []
    for window in WINDOWS:
        left_out = _leave_one_out(x[:400], window)
        errors.append([np.square(left_out[:, block]).mean() for block in blocks])
    result = np.empty_like(x)
    chosen = np.array(WINDOWS)[np.argmin(errors, axis=0)]
    for window in set(chosen):
        filtered = savgol_filter(x, window, DEGREE)
        for block in np.array(blocks, dtype=object)[chosen == window]:
            result[:, block] = filtered[:, block]
    return result


def _leave_one_out(x: np.ndarray, window: int) -> np.ndarray:
    """Residuals of each sample when the polynomial is fitted without it."""
    columns = savgol_filter(np.eye(2 * window), window, DEGREE, axis=0)
    weights = np.asarray(columns).diagonal()
    half = window // 2
    own = np.full(x.shape[1], weights[half])
    own[:half], own[-half:] = weights[:half], weights[-half:]
    return (savgol_filter(x, window, DEGREE) - x) / (1 - own)


def first_five_steps(
    states: Tensor, n_pairs: int, seed: int
) -> Iterator[tuple[int, Tensor]]:
    """The paper's pairs: five steps from the start of each trajectory, or fewer."""
    generator = torch.Generator().manual_seed(seed)
    for substeps in LEVELS:
        few = states[:, : 5 * substeps + 1 : substeps]
        pairs = cut_into_windows(few, n_steps=1)
        yield substeps, pairs[torch.randperm(len(pairs), generator=generator)[:n_pairs]]


def by_default_solver(problem: Problem, split: str) -> Tensor:
    """The paper's ground truth: SciPy's solver with its default tolerances.

    Lorenz trajectories follow one another: each starts where the last one ended, the
    first after 5 time units near the origin.
    """
    generator = torch.Generator().manual_seed(2000 + SPLITS[split])
    n, end = problem.n_trajectories[split], problem.dt * N_STEPS
    if not problem.on_attractor:
        region = problem.region if split == "train" else problem.test_region
        starts = sample_box(region, n, generator=generator).numpy()
        return torch.stack([default_solution(problem.field, x, end) for x in starts])
    (x,) = sample_box(LORENZ_SEED, 1, generator=generator).numpy()
    x, segments = default_solution(problem.field, x, 5.0)[-1].numpy(), []
    for _ in range(n):
        segments.append(default_solution(problem.field, x, end))
        x = segments[-1][-1].numpy()
    return torch.stack(segments)


def default_solution(field: VectorField, x0: np.ndarray, end: float) -> Tensor:
    """5,121 states on a grid from 0 to ``end``, shape ``(5121, d)``."""
    grid = np.linspace(0, end, N_STEPS + 1)

    def numpy_field(t: float, x: np.ndarray) -> np.ndarray:
        return field(t, torch.from_numpy(x)).numpy()

    return torch.from_numpy(solve_ivp(numpy_field, (0, end), x0, t_eval=grid).y.T)
