"""The checks on symplectic flows accept what is right and name what is wrong."""

import math

import pytest
import torch

from lecture_utils.exercises_symplectic import (
    check_composed_hamiltonian,
    check_doubled_energy,
    check_kick,
    check_rotation,
)


def kick(gradient, t, x):
    q, p = x.chunk(2, dim=-1)
    return torch.cat([q, p - (gradient(t, q) - gradient(0.0, q))], dim=-1)


def kick_in_place(gradient, t, x):
    n = x.shape[-1] // 2
    later = x.clone()
    later[..., n:] += gradient(0.0, x[..., :n]) - gradient(t, x[..., :n])
    return later


def kick_that_moves_at_once(gradient, t, x):
    q, p = x.chunk(2, dim=-1)
    return torch.cat([q, p - gradient(t, q)], dim=-1)


def kick_uphill(gradient, t, x):
    return 2 * x - kick(gradient, t, x)


def kick_of_the_positions(gradient, t, x):
    q, p = x.chunk(2, dim=-1)
    return torch.cat([q - (gradient(t, q) - gradient(0.0, q)), p], dim=-1)


def kick_by_the_momenta(gradient, t, x):
    q, p = x.chunk(2, dim=-1)
    return torch.cat([q, p - (gradient(t, p) - gradient(0.0, p))], dim=-1)


def rotation_by_cosine(t):
    return [(1 - math.cos(t)) / math.sin(t), math.sin(t)]


def rotation_in_float32(t):
    t = torch.tensor(t, dtype=torch.float32)
    return (t / 2).tan(), t.sin()


def composed(h_first, h_second, undo_second, t, x):
    return h_second(t, x) + h_first(t, undo_second(t, x))


def composed_otherwise(h_first, h_second, undo_second, t, x):
    earlier = undo_second(t, x)
    return torch.stack([h_first(t, earlier), h_second(t, x)]).sum(0)


def doubled(field, z):
    x, y = z.chunk(2, dim=-1)
    return (y * field(0.0, x)).sum(-1)


def doubled_by_einsum(field, z):
    x, y = z.chunk(2, dim=-1)
    return torch.einsum("...i,...i->...", y, field(0.0, x))


RIGHT = [
    (check_kick, kick),
    (check_kick, kick_in_place),
    (check_rotation, lambda t: (math.tan(t / 2), math.sin(t))),
    (check_rotation, rotation_by_cosine),
    (check_composed_hamiltonian, composed),
    (check_composed_hamiltonian, composed_otherwise),
    (check_doubled_energy, doubled),
    (check_doubled_energy, doubled_by_einsum),
]


@pytest.mark.parametrize(("check", "right"), RIGHT)
def test_right_answers_pass(check, right, capsys):
    check(right)
    assert "Passed" in capsys.readouterr().out


WRONG = [
    (check_kick, kick_that_moves_at_once, "must do nothing"),
    (check_kick, kick_uphill, "mind the sign"),
    (check_kick, kick_of_the_positions, "only the momenta"),
    (check_kick, kick_by_the_momenta, "not p"),
    (check_kick, lambda gradient, t, x: x, "chunk"),
    (check_kick, lambda gradient, t, x: x * math.nan, "chunk"),
    (check_kick, lambda gradient, t, x: None, "return"),
    (check_kick, lambda gradient, t, x: x[:, :1], "same shape"),
    (check_kick, lambda gradient, x: x, "raised TypeError"),
    (check_rotation, lambda t: (t / 2, t), "Verlet"),
    (check_rotation, lambda t: (torch.tan(t / 2), torch.sin(t)), "functions of math"),
    (check_rotation, lambda t: rotation_by_cosine(t.item()), "torch.tensor first"),
    (check_rotation, lambda t: rotation_in_float32(t), "float32"),
    (check_rotation, lambda t: rotation_in_float32(t)[::-1], "swapped"),
    (check_rotation, lambda t: (math.sin(t), math.tan(t / 2)), "swapped"),
    (check_rotation, lambda t: (-math.tan(t / 2), -math.sin(t)), "backwards"),
    (check_rotation, lambda t: (math.tan(t), math.sin(t)), "halve"),
    (check_rotation, lambda t: (0.5463, 0.8415), "product of the shears"),
    (check_rotation, lambda t: (math.nan, 1.0), "a = nan"),
    (check_rotation, lambda t: None, "return"),
    (check_rotation, lambda t: 1.0, "two coefficients"),
    (
        check_composed_hamiltonian,
        lambda h1, h2, undo, t, x: h1(t, x) + h2(t, x),
        "undo the second",
    ),
    (
        check_composed_hamiltonian,
        lambda h1, h2, undo, t, x: h1(t, x) + h2(t, undo(t, x)),
        "of the first flow",
    ),
    (
        check_composed_hamiltonian,
        lambda h1, h2, undo, t, x: h1(t, undo(t, x)) + h2(t, undo(t, x)),
        "Only the first",
    ),
    (check_composed_hamiltonian, lambda h1, h2, undo, t, x: h1(t, undo(t, x)), "miss"),
    (check_composed_hamiltonian, lambda h1, h2, undo, t, x: x, "same shape"),
    (check_composed_hamiltonian, lambda h1, h2, undo, t, x: None, "return"),
    (
        check_doubled_energy,
        lambda f, z: (z.chunk(2, -1)[0] * f(0, z.chunk(2, -1)[1])).sum(-1),
        "swap",
    ),
    (check_doubled_energy, lambda f, z: -doubled(f, z), "backwards"),
    (
        check_doubled_energy,
        lambda f, z: doubled(f, z) + (z.chunk(2, -1)[0] ** 2).sum(-1),
        "stay at zero",
    ),
    (
        check_doubled_energy,
        lambda f, z: (z.chunk(2, -1)[0] * f(0, z.chunk(2, -1)[0])).sum(-1),
        "do not enter",
    ),
    (
        check_doubled_energy,
        lambda f, z: doubled(f, z) / (z.shape[-1] // 2),
        "not sum",
    ),
    (check_doubled_energy, lambda f, z: None, "return"),
    (check_doubled_energy, lambda f, z: z, "same shape"),
]


@pytest.mark.parametrize(("check", "wrong", "hint"), WRONG)
def test_mistakes_are_named(check, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check(wrong)
