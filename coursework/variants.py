"""The numbers of a cohort, drawn from a variant and a salt.

Every draw has a name and depends on the salt, the variant, the assignment and that name
alone, so adding a question changes no other one.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

T = TypeVar("T")
DTYPE = torch.float64


@dataclass(frozen=True)
class Draw:
    """Draws for one assignment of one cohort.

    Args:
        salt: A secret text of the instructor's: without it nobody can repeat the draws.
        variant: Which cohort.
        assignment: Name of the assignment.
    """

    salt: str
    variant: int
    assignment: str

    def _random(self, name: str) -> random.Random:
        parts = "\n".join([self.salt, str(self.variant), self.assignment, name])
        return random.Random(hashlib.sha256(parts.encode()).digest())

    def number(self, name: str, low: float, high: float, digits: int = 3) -> float:
        """A number between two bounds with so many digits after the point."""
        return round(self._random(name).uniform(low, high), digits)

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number, both bounds included."""
        return self._random(name).randint(low, high)

    def choice(self, name: str, options: Sequence[T]) -> T:
        """One of several."""
        return self._random(name).choice(options)

    def generator(self, name: str) -> torch.Generator:
        """A generator of its own, for tensors."""
        return torch.Generator().manual_seed(self._random(name).getrandbits(62))

    def tensor(
        self, name: str, *shape: int, low: float = -1.0, high: float = 1.0
    ) -> torch.Tensor:
        """A float64 tensor with uniform entries of four digits."""
        unit = torch.rand(*shape, dtype=DTYPE, generator=self.generator(name))
        return (low + (high - low) * unit).round(decimals=4)
