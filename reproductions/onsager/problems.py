"""The two systems, their pairs of states, and the fields that are compared."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.data import sample_box
from lecture_utils.integrators import dop853_step, integrate
from lecture_utils.onsager import (
    OnsagerField,
    PlainField,
    Trunk,
    near_one,
    requr,
    small,
    square_of,
    times,
)
from lecture_utils.onsager_rivals import SymmetricField, SymplecticField
from lecture_utils.systems import Lorenz63, Region
from lecture_utils.systems_more import FrictionPendulum
from lecture_utils.types import Time

SPACING = 0.001  # time between the two states of a pair
TRAIN, VALIDATION, TEST = 100, 40, 1000  # trajectories


@dataclass(frozen=True)
class Problem:
    """A system and how its data are made."""

    system: Any
    region: Region  # where trajectories start
    horizon: float  # their length
    n_samples: int = 100  # pairs per trajectory
    scale: float = 1.0  # the networks see the state divided by this


PROBLEMS = {
    "pendulum": Problem(FrictionPendulum(), ((-1.0, 1.0), (-1.0, 1.0)), 5.0),
    "lorenz": Problem(
        Lorenz63(), ((-25.0, 25.0), (-25.0, 25.0), (-5.0, 30.0)), 3.0, scale=10.0
    ),
}


def pairs(name: str, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """States along ``n`` trajectories and where they are `SPACING` later, scaled.

    Both have the shape ``(n, 100, d)``.
    """
    problem = PROBLEMS[name]
    x0 = sample_box(problem.region, n, generator=generator)
    times = torch.linspace(0, problem.horizon, problem.n_samples + 1).to(x0)[:-1]
    h = integrate(problem.system, x0, times, step=dop853_step, n_substeps=4)
    later = dop853_step(problem.system, 0.0, h, SPACING)
    return h / problem.scale, later / problem.scale


class ProductField(nn.Module):
    r"""OnsagerNet without its law: :math:`\dot h = A(h)\,u(h) + g(h)`.

    A matrix times a vector, both from the same features, but neither is the matrix
    semidefinite nor the vector a gradient. It shows what the product alone is worth.
    """

    def __init__(self, dim: int, *, width: int, drive: nn.Module | None = None):
        super().__init__()
        self.trunk = Trunk(dim, width=width, depth=1, activation=requr)
        self.matrix = near_one(width, dim)
        self.end = small(nn.Linear(width, dim))
        self.shortcut = nn.Linear(dim, dim, bias=False)
        nn.init.orthogonal_(self.shortcut.weight, gain=0.1)
        self.drive = drive

    def forward(self, t: Time, h: Tensor) -> Tensor:
        """Velocity, shape ``(..., d) -> (..., d)``."""
        features = self.trunk(h)[0]
        vector = self.end(features) + self.shortcut(h)
        free = times(square_of(self.matrix(features), h.shape[-1]), vector)
        return free if self.drive is None else free + self.drive(h)


def build(name: str, kind: str) -> nn.Module:
    """An untrained field of about equal size for every kind, in float64.

    The pendulum is closed, so nothing drives it, and ``alpha`` and ``beta`` are zero;
    Lorenz's system gets an affine drive and 0.1 for both, as in the paper.
    """
    if name == "pendulum":
        field = {
            "onsager": lambda: OnsagerField(2, width=12, alpha=0.0, beta=0.0),
            "product": lambda: ProductField(2, width=12),
            "plain": lambda: PlainField(2, width=9),
            "symmetric": lambda: SymmetricField(2, width=12, alpha=0.0, beta=0.0),
            "symplectic": lambda: SymplecticField(2, width=14),
        }[kind]()
    else:
        field = {
            "onsager": lambda: OnsagerField(3, width=20, drive=nn.Linear(3, 3)),
            "product": lambda: ProductField(3, width=20, drive=nn.Linear(3, 3)),
            "plain": lambda: PlainField(3, width=15),
        }[kind]()
    return field.double()


KINDS = {
    "pendulum": ("onsager", "product", "plain", "symmetric", "symplectic"),
    "lorenz": ("onsager", "product", "plain"),
}
