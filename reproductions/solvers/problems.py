"""The systems of the chapter "Physics-informed solvers", and their trial flows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data import reference_trajectories, sample_box
from lecture_utils.nets import MLP
from lecture_utils.pinn import TrialFlow, layers_of, residual
from lecture_utils.systems import HarmonicOscillator, HenonHeiles, Region
from lecture_utils.systems_more import SIR, ParametricVanDerPol
from lecture_utils.types import VectorField


@dataclass(frozen=True)
class Problem:
    """A system, where and for how long it is solved, and how large a network is."""

    system: VectorField
    region: Region  # of the initial states for training
    test_region: Region
    interval: float  # the trial flow is trained for times up to this
    width: int
    depth: int
    n_points: int
    n_steps: int  # of Levenberg-Marquardt
    gain: float = 1.0  # of the first layer, over torch's initial weights
    n_parameters: int = 0  # how many components of the state are constant


_OSCILLATOR: Region = ((-1.2, 1.2),) * 2
_WELL: Region = ((-0.6, 0.6),) * 4
_VDP = ParametricVanDerPol()
_SIR = SIR()

PROBLEMS = {
    "oscillator": Problem(
        HarmonicOscillator(), _OSCILLATOR, _OSCILLATOR, 1.0, 20, 2, 800, 200, gain=2.0
    ),
    "henon_heiles": Problem(
        HenonHeiles(), _WELL, _WELL, 1.0, 100, 1, 1300, 75, gain=3.0
    ),
    "van_der_pol": Problem(
        _VDP, _VDP.region, _VDP.test_region, 0.25, 28, 2, 2000, 80, n_parameters=1
    ),
    "sir": Problem(
        _SIR, _SIR.region, _SIR.region, 1.0, 20, 2, 1000, 80, n_parameters=1
    ),
}


def blank_flow(problem: Problem, seed: int) -> TrialFlow:
    """A trial flow with the initial weights of a seed."""
    torch.manual_seed(seed)
    d = len(problem.region)
    net = MLP(
        1 + d, d - problem.n_parameters, width=problem.width, depth=problem.depth
    ).double()
    with torch.no_grad():
        first = layers_of(net)[0]
        first.weight.mul_(problem.gain)
        first.bias.mul_(problem.gain)
    return TrialFlow(net)


def misses(problem: Problem) -> Callable[..., Tensor]:
    """The residual for `fit_least_squares`: ``(net, t, x) -> (n, k)``."""
    k = len(problem.region) - problem.n_parameters
    return lambda net, t, x: residual(problem.system, net, t, x)[:, :k]


def sobol_points(problem: Problem, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Times ``(n,)`` and initial states ``(n, d)`` that fill their box evenly."""
    engine = torch.quasirandom.SobolEngine(
        1 + len(problem.region), scramble=True, seed=seed
    )
    return _spread(problem, engine.draw(n, dtype=torch.float64))


def random_points(
    problem: Problem, n: int, *, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Times ``(n,)`` and initial states ``(n, d)``, independent and uniform."""
    d = 1 + len(problem.region)
    unit = torch.rand(n, d, dtype=torch.float64, generator=generator)
    return _spread(problem, unit)


def _spread(problem: Problem, unit: Tensor) -> tuple[Tensor, Tensor]:
    low, high = torch.tensor(problem.region, dtype=torch.float64).unbind(-1)
    return problem.interval * unit[:, 0], low + (high - low) * unit[:, 1:]


@torch.no_grad()
def errors(problem: Problem, flow: TrialFlow, n: int = 300) -> Tensor:
    """Errors at the end of the interval from unseen initial states, shape ``(n,)``."""
    generator = torch.Generator().manual_seed(999)
    x = sample_box(problem.test_region, n, generator=generator)
    times = torch.tensor([0.0, problem.interval], dtype=torch.float64)
    truth = reference_trajectories(problem.system, x, times).states[:, 1]
    return (flow(problem.interval, x) - truth).norm(dim=-1)
