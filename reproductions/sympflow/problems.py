"""The systems, where their networks are trained and from where they are judged."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.data import sample_box
from lecture_utils.systems import HarmonicOscillator, HenonHeiles
from lecture_utils.types import Time

ENERGY = 0.1  # of the Henon-Heiles orbits that are judged


@dataclass(frozen=True)
class DoubledOscillator:
    r"""The damped oscillator and its mirror image, one Hamiltonian system of twice
    the size: :math:`H = p_+ p_- + q_+ q_- + \gamma q_- p_-`.

    The state is :math:`(q_+, q_-, p_+, p_-)`. Position :math:`q_+` and velocity
    :math:`p_-` are those of :math:`\ddot q = -q - \gamma \dot q`; the others, zero
    for ever if they are zero once, take up what it loses.

    Source: Galley (2013), Phys. Rev. Lett. 110, 174301, with this Lagrangian.
    """

    damping: float = 0.1  # gamma

    def __call__(self, t: Time, x: Tensor) -> Tensor:
        q, q_mirror, p_mirror, p = x.unbind(-1)
        velocity = [
            p,
            p_mirror + self.damping * q_mirror,
            -q_mirror,
            -q - self.damping * p,
        ]
        return torch.stack(velocity, dim=-1)

    def energy(self, x: Tensor) -> Tensor:
        """The Hamiltonian, shape ``(..., d) -> (...)``; zero without the mirror."""
        q, q_mirror, p_mirror, p = x.unbind(-1)
        return p_mirror * p + q_mirror * q + self.damping * q_mirror * p


SYSTEMS = {
    "oscillator": HarmonicOscillator(),
    "henon_heiles": HenonHeiles(),
    "damped": DoubledOscillator(),
}


def training_states(name: str, n: int, generator: torch.Generator) -> Tensor:
    """Initial states for training, shape ``(n, d)``."""
    if name == "oscillator":
        return sample_box(((-1.5, 1.5),) * 2, n, generator=generator)
    if name == "damped":
        box = ((-1.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (-1.5, 1.5))
        return sample_box(box, n, generator=generator)
    return well_states(0.13, n, generator)


def well_states(most: float, n: int, generator: torch.Generator) -> Tensor:
    """States in the Henon-Heiles well with an energy up to ``most``, ``(n, 4)``."""
    box = ((-0.7, 0.7), (-0.5, 0.7), (-0.55, 0.55), (-0.55, 0.55))
    x = sample_box(box, 60 * n, generator=generator)
    in_triangle = 3**0.5 * x[:, 0].abs() + x[:, 1] < 1
    return x[in_triangle & (HenonHeiles().energy(x) <= most)][:n]


def section_states(energy: float, n: int, generator: torch.Generator) -> Tensor:
    """Henon-Heiles states of one energy with ``q1 = 0`` and ``p1 > 0``, ``(n, 4)``."""
    x = sample_box(
        ((0, 1e-9), (-0.6, 0.7), (0, 1e-9), (-0.55, 0.55)), 20 * n, generator=generator
    )
    x[:, [0, 2]] = 0.0
    rest = energy - HenonHeiles().energy(x)
    x[:, 2] = (2 * rest.clamp(min=0)).sqrt()
    return x[rest > 0][:n]


def judged_states(name: str, generator: torch.Generator) -> Tensor:
    """Initial states from which a network is judged, all with H at least 0.1."""
    if name == "henon_heiles":
        return section_states(ENERGY, 50, generator)
    x = sample_box(((-1, 1),) * 2, 400, generator=generator)
    return x[HarmonicOscillator().energy(x) >= 0.1][:50]
