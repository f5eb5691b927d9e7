r"""A few coordinates for a flow: principal components, and an auto-encoder.

A flow is first described by its leading 32 principal components z, which keep all but
about 1e-4 of the variance; the auto-encoder takes z to m numbers h and back.
"""

import time
from typing import cast

import torch
from torch import Tensor, nn

from lecture_utils.nets import MLP
from lecture_utils.training import fit
from reproductions.convection.equations import Convection

N_COMPONENTS = 32
WIDTH = 64  # of the auto-encoder's two hidden layers
N_STEPS, BATCH, RATE = 3000, 512, 3e-3
HINGE = 0.8  # of the isometry defect of principal components, as published


class Components(nn.Module):
    r"""Principal components of velocity and temperature over the fluid.

    The two are weighted so that both have the same variance in the training data, and z
    is in units of the root mean square distance from the mean flow.

    Args:
        dim: Components of a state of the simulator.
        n: How many to keep.
    """

    def __init__(self, dim: int, n: int = N_COMPONENTS):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("weight", torch.ones(dim))
        self.register_buffer("basis", torch.zeros(n, dim))
        self.register_buffer("share", torch.zeros(n))  # of the variance

    def fit(self, field: Convection, x: Tensor) -> "Components":
        """Compute the components of the snapshots ``(n, d)``; returns itself."""
        kinetic, variance = (
            torch.where(n == 0, 0.5, 0.25).expand(field.nz, -1) for n in field.waves
        )
        kinetic = -kinetic * field.laplacian[0].cpu()
        sizes = field.join(kinetic, variance).double().sqrt()
        mean = x.mean(dim=0, dtype=torch.float64)
        moved = (x - mean.to(x)).double() * sizes
        n_psi = kinetic.numel()
        power = moved.square().mean(dim=0)
        balance = torch.ones_like(sizes)
        balance[:n_psi] /= (2 * power[:n_psi].sum()).sqrt()
        balance[n_psi:] /= (2 * power[n_psi:].sum()).sqrt()
        moved *= balance
        variances, vectors = torch.linalg.eigh(moved.mT @ moved / len(x))
        vectors = vectors.flip(-1)[:, : len(self.basis)].mT
        largest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
        self.mean, self.weight = mean.float(), (sizes * balance).float()
        self.basis = (vectors * largest.sign()).contiguous().float()
        self.share = variances.flip(-1)[: len(self.basis)].float()
        return self

    def encode(self, x: Tensor) -> Tensor:
        """States to components, ``(..., d) -> (..., 32)``."""
        return self.push(x - self.mean.to(x))

    def push(self, velocity: Tensor) -> Tensor:
        """Velocities of states to those of components, ``(..., d) -> (..., 32)``."""
        return (velocity * self.weight.to(velocity)) @ self.basis.mT.to(velocity)

    def decode(self, z: Tensor) -> Tensor:
        """The most likely state of these components, ``(..., 32) -> (..., d)``."""
        return self.mean.to(z) + (z @ self.basis.to(z)) / self.weight.to(z)


class Reduction(nn.Module):
    r"""From components to m coordinates and back: ``encode``, ``decode``.

    Without networks it keeps the first m components. With them it is

    .. math:: h = z_{1:m} + E(z), \qquad \hat z = (h, 0) + D(h).
    """

    def __init__(self, m: int, *, nonlinear: bool, n: int = N_COMPONENTS):
        super().__init__()
        if not 1 <= m <= n:
            raise ValueError(f"m must be between 1 and {n}, got {m}.")
        self.m, self.n, self.nonlinear = m, n, nonlinear
        if nonlinear:
            self.encoder = MLP(n, m, width=WIDTH, depth=2)
            self.decoder = MLP(m, n, width=WIDTH, depth=2)
            for net in (self.encoder, self.decoder):  # start at principal components
                last = cast(nn.Linear, net.layers[-1])
                nn.init.normal_(last.weight, std=1e-3)
                nn.init.zeros_(last.bias)

    def encode(self, z: Tensor) -> Tensor:
        """``(..., 32) -> (..., m)``."""
        h = z[..., : self.m]
        return h + self.encoder(z) if self.nonlinear else h

    def decode(self, h: Tensor) -> Tensor:
        """``(..., m) -> (..., 32)``."""
        z = nn.functional.pad(h, (0, self.n - self.m))
        return z + self.decoder(h) if self.nonlinear else z

    def push(self, z: Tensor, velocity: Tensor, step: float = 1e-4) -> Tensor:
        """Velocity of h when z moves with ``velocity``, by central differences.

        In float64 its relative error is about 1e-8.
        """
        ahead, behind = (self.encode(z + s * velocity) for s in (step, -step))
        return (ahead - behind) / (2 * step)


def relative_error(reduction: Reduction, z: Tensor) -> float:
    """Mean squared error of ``decode(encode(z))`` over the variance of z."""
    with torch.no_grad():
        missed = reduction.decode(reduction.encode(z)) - z
    centred = z - z.flatten(0, -2).mean(dim=0)
    return (missed.square().sum() / centred.square().sum()).item()


def stretches(reduction: Reduction, z: Tensor, generator: torch.Generator) -> Tensor:
    r""":math:`|h_i - h_j| / |z_i - z_j|` for random pairs of rows of z."""
    other = z[torch.randperm(len(z), generator=generator)]
    apart = (z - other).norm(dim=-1)
    kept = apart > 1e-3
    between = (reduction.encode(z) - reduction.encode(other)).norm(dim=-1)
    return between[kept] / apart[kept]


def train_reduction(m: int, z: Tensor, seed: int) -> tuple[Reduction, dict]:
    """Train an auto-encoder on components ``(n, 32)``; returns it and its record.

    The loss is the relative squared error, plus what the mean squared stretch less one
    exceeds 0.8 of that of principal components.
    """
    torch.manual_seed(seed)
    reduction, linear = Reduction(m, nonlinear=True), Reduction(m, nonlinear=False)
    generator = torch.Generator().manual_seed(seed)
    z = z.float()
    allowed = HINGE * (stretches(linear, z, generator) - 1).square().mean()

    def loss() -> Tensor:
        rows = z[torch.randint(len(z), (BATCH,), generator=generator)]
        missed = reduction.decode(reduction.encode(rows)) - rows
        defect = (stretches(reduction, rows, generator) - 1).square().mean()
        return missed.square().sum(-1).mean() + (defect - allowed).relu()

    start = time.process_time()
    fit(loss, reduction.parameters(), n_steps=N_STEPS, learning_rate=RATE, decay=True)
    seconds = round(time.process_time() - start, 2)
    return reduction.requires_grad_(False), {"steps": N_STEPS, "cpu_seconds": seconds}
