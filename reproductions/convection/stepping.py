"""An exponential method of order 4, and trajectories of many states at once."""

import math

import torch
from torch import Tensor, nn

from reproductions.convection.equations import Convection


class ExponentialStep(nn.Module):
    r"""One step of ETD-RK4: diffusion exactly, the rest with Runge-Kutta stages.

    Steady states of the field are fixed points of the step, whatever its length; with
    integrating factors they would not be. The functions of :math:`z = L\,dt` cancel
    badly near zero and are therefore means over circles around z.

    Args:
        field: What to integrate, ``damping * x + gentle(x)``.
        dt: Time step, positive.

    Raises:
        ValueError: If ``dt`` is not positive and finite.

    Source: Cox & Matthews (2002), J. Comput. Phys. 176, 430; Kassam & Trefethen (2005),
    SIAM J. Sci. Comput. 26, 1214.
    """

    def __init__(self, field: Convection, dt: float):
        super().__init__()
        if not 0 < dt < math.inf:
            raise ValueError(f"dt must be positive and finite, got {dt}.")
        self.field, self.dt = field, dt
        z = dt * field.damping.double()
        angles = (torch.arange(32, dtype=z.dtype) + 0.5) * math.pi / 32
        circle = z[:, None] + torch.polar(torch.ones_like(angles), angles)

        def mean(values: Tensor) -> Tensor:
            return (dt * values.mean(dim=-1).real).to(field.dtype)

        e = circle.exp()
        self.halfway = (z / 2).exp().to(field.dtype)
        self.full = z.exp().to(field.dtype)
        self.stage = mean(((circle / 2).exp() - 1) / circle)
        self.first = mean((-4 - circle + e * (4 - 3 * circle + circle**2)) / circle**3)
        self.middle = mean(2 * (2 + circle + e * (circle - 2)) / circle**3)
        self.last = mean((-4 - 3 * circle - circle**2 + e * (4 - circle)) / circle**3)

    def forward(self, x: Tensor) -> Tensor:
        gentle = self.field.gentle
        n0 = gentle(x)
        decayed = self.halfway * x
        a = decayed + self.stage * n0
        na = gentle(a)
        b = decayed + self.stage * na
        nb = gentle(b)
        c = self.halfway * a + self.stage * (2 * nb - n0)
        nc = gentle(c)
        return (
            self.full * x + self.first * n0 + self.middle * (na + nb) + self.last * nc
        )
