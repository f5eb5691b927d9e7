"""The checks on OnsagerNet accept what is right and name what is wrong."""

import pytest
import torch

from lecture_utils.exercises_onsager import (
    check_lorenz_parts,
    check_parts_of_a_field,
    check_real_form,
    check_solved_form,
)


def solved_form(m, w):
    inverse = torch.linalg.inv(m + w)
    return (inverse + inverse.mT) / 2, (inverse - inverse.mT) / 2


def solved_form_by_sandwich(m, w):
    """The symmetric part is A^-1 M A^-T, the other one -A^-1 W A^-T."""
    a = torch.linalg.inv(m + w)
    return a @ m @ a.mT, -a @ w @ a.mT


def outer(a, b):
    return a[..., :, None] * b[..., None, :]


def parts_of_rank_one(f, u):
    along = (f * u).sum(-1)[:, None, None]
    return -outer(f, f) / along, 0 * outer(f, f)


def parts(f, u):
    size = u.square().sum(-1, keepdim=True)
    along = -(f * u).sum(-1, keepdim=True) / size
    across = f + along * u
    m = outer(along * u, u) / size[..., None]
    w = (outer(u, across) - outer(across, u)) / size[..., None]
    return m, w


def parts_isotropic(f, u):
    """Friction in every direction alike, and the same rotation."""
    size = u.square().sum(-1, keepdim=True)[..., None]
    along = -(f * u).sum(-1)[..., None, None] / size
    w = (outer(u, f) - outer(f, u)) / size
    return along * torch.eye(u.shape[-1]).to(u).expand_as(w), w


def parts_uphill(f, u):
    m, w = parts(f, u)
    return -m, w


def parts_by_one_column(f, u):
    return parts(f, u)[0], outer(f, u)


def parts_unscaled(f, u):
    m, w = parts(f, u)
    return m * u.square().sum(-1)[..., None, None], w


def parts_without_turning(f, u):
    m, w = parts(f, u)
    return m, 0 * w


def lorenz(h):
    x, y, z = h.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    m = torch.diag(torch.tensor([10.0, 1.0, 8 / 3]).to(h)).expand(*x.shape, 3, 3)
    rows = [[zero, -10 * one, zero], [10 * one, zero, x], [zero, -x, zero]]
    w = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    slope = torch.stack([x, y, z - 38], dim=-1)
    g = torch.tensor([0, 0, -8 / 3 * 38]).to(h).expand_as(h)
    return m, w, slope, g


def lorenz_in_place(h):
    m, w = torch.zeros(len(h), 3, 3).to(h), torch.zeros(len(h), 3, 3).to(h)
    m[:, 0, 0], m[:, 1, 1], m[:, 2, 2] = 10, 1, 8 / 3
    w[:, 0, 1], w[:, 1, 0] = -10, 10
    w[:, 1, 2], w[:, 2, 1] = h[:, 0], -h[:, 0]
    g = torch.zeros_like(h)
    g[:, 2] = -38 * 8 / 3
    return [m, w, h - torch.tensor([0, 0, 38]).to(h), g]


def changed(change):
    def wrong(h):
        return change(*lorenz(h), h)

    return wrong


def real_form(m, b):
    root = torch.linalg.cholesky(b)
    return root.mT @ m @ root


def real_form_by_root(m, b):
    values, vectors = torch.linalg.eigh(m)
    root = vectors @ torch.diag_embed(values.sqrt()) @ vectors.mT
    return root @ b @ root


RIGHT = [
    (check_solved_form, solved_form),
    (check_solved_form, solved_form_by_sandwich),
    (check_parts_of_a_field, parts),
    (check_parts_of_a_field, parts_isotropic),
    (check_lorenz_parts, lorenz),
    (check_lorenz_parts, lorenz_in_place),
    (check_real_form, real_form),
    (check_real_form, real_form_by_root),
]


@pytest.mark.parametrize(("check", "right"), RIGHT)
def test_right_answers_pass(check, right, capsys):
    check(right)
    assert "Passed" in capsys.readouterr().out


def centre_at_zero(h):
    m, w, slope, g = lorenz(h)
    return m, w, h, g


WRONG = [
    (check_solved_form, lambda m, w: (m.inverse(), -w), "not the sum of the inverses"),
    (check_solved_form, lambda m, w: solved_form(m, w)[::-1], "swapped"),
    (check_solved_form, lambda m, w: [2 * a for a in solved_form(m, w)], "by 2"),
    (check_solved_form, lambda m, w: solved_form(m, -w), "wrong sign"),
    (
        check_solved_form,
        lambda m, w: ((m + w).inverse(), (m + w).inverse()),
        "whole inverse",
    ),
    (check_solved_form, lambda m, w: (m, w), "Invert"),
    (check_solved_form, lambda m, w: (m + w).inverse(), "2 tensors"),
    (check_solved_form, lambda m, w: None, "return"),
    (check_solved_form, lambda m, w: (m[0], w[0]), "one matrix for each"),
    (check_solved_form, lambda m: m, "raised TypeError"),
    (check_parts_of_a_field, parts_uphill, "mind the sign"),
    (check_parts_of_a_field, parts_of_rank_one, "right angle"),
    (check_parts_of_a_field, parts_by_one_column, "needs its mirror"),
    (check_parts_of_a_field, parts_unscaled, "lies along u"),
    (check_parts_of_a_field, parts_without_turning, "for W"),
    (
        check_parts_of_a_field,
        lambda f, u: (outer(f, u), 0 * outer(f, u)),
        "not symmetric",
    ),
    (
        check_parts_of_a_field,
        lambda f, u: (outer(f, u) / 0, outer(f, u)),
        "not finite",
    ),
    (check_parts_of_a_field, lambda f, u: parts(f, u)[0], "2 tensors"),
    (check_lorenz_parts, centre_at_zero, "shifted along z"),
    (check_lorenz_parts, changed(lambda m, w, s, g, h: (m, -w, s, g)), "line by line"),
    (check_lorenz_parts, changed(lambda m, w, s, g, h: (m, w, s, -g)), "line by line"),
    (
        check_lorenz_parts,
        changed(lambda m, w, s, g, h: (-m, w, s, g)),
        "negative eigen",
    ),
    (
        check_lorenz_parts,
        changed(lambda m, w, s, g, h: (m + w, 0 * w, s, g)),
        "M is not symmetric",
    ),
    (
        check_lorenz_parts,
        changed(lambda m, w, s, g, h: (m, m + w, s, g)),
        "W is not antisymmetric",
    ),
    (check_lorenz_parts, changed(lambda m, w, s, g, h: (m, w, s, h)), "a constant"),
    (check_lorenz_parts, changed(lambda m, w, s, g, h: (m, w, s)), "four tensors"),
    (check_lorenz_parts, changed(lambda m, w, s, g, h: (m, w, s, g[0])), "g must have"),
    (check_real_form, lambda m, b: m @ b, "itself is not symmetric"),
    (check_real_form, lambda m, b: (m @ b + b @ m) / 2, "other eigenvalues"),
    (check_real_form, lambda m, b: m + b, "Split"),
    (check_real_form, lambda m, b: torch.linalg.cholesky(m) @ b, "Split"),
    (check_real_form, lambda m, b: m[0], "one tensor"),
]


@pytest.mark.parametrize(("check", "wrong", "hint"), WRONG)
def test_mistakes_are_named(check, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check(wrong)
