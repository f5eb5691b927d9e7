"""A law, and what hides in it: the questions on "Hamiltonian discovery"."""

import math

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.variants import Draw

FREE = (
    "lambda t, x: torch.stack(["
    "math.cos({w} * t) * x[..., 0] + math.sin({w} * t) / {w} * x[..., 1],"
    " math.cos({w} * t) * x[..., 1] - {w} * math.sin({w} * t) * x[..., 0]], dim=-1)"
)
DAMPED = (
    "lambda t, x: math.exp(-{s} * t) * torch.stack(["
    "(math.cos({w} * t) + {s} / {w} * math.sin({w} * t)) * x[..., 0]"
    " + math.sin({w} * t) / {w} * x[..., 1],"
    " (math.cos({w} * t) - {s} / {w} * math.sin({w} * t)) * x[..., 1]"
    " - {k} / {w} * math.sin({w} * t) * x[..., 0]], dim=-1)"
)


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    k, gamma = draw.number("k", 1.2, 2.4, 2), draw.number("gamma", 0.06, 0.14, 3)
    w = round(math.sqrt(k - gamma**2 / 4), 12)
    return {
        "k": k,
        "gamma": gamma,
        "h": draw.number("h", 0.12, 0.2, 3),
        "free": Code(FREE.format(w=round(math.sqrt(k), 12))),
        "damped": Code(DAMPED.format(k=k, w=w, s=gamma / 2)),
    }


# ---- q1: a force from pairs


def potential(powers, q, p, q_next, p_next, h) -> Tensor:
    """The right answer to q1."""
    return _fit(powers, q, p, q_next, p_next, h)


def _fit(powers, q, p, q_next, p_next, h, *, at="both", slope=True, kicks=2, sign=-1):
    def row(q: Tensor) -> list[Tensor]:
        if slope:
            return [a * q ** (a - 1) for a in powers]
        return [q**a for a in powers]

    here, there = torch.stack(row(q), dim=-1), torch.stack(row(q_next), dim=-1)
    middle = torch.stack(row((q + q_next) / 2), dim=-1)
    mean = (here + there) / 2
    columns = {"both": mean, "old": here, "new": there, "middle": middle}[at]
    wanted = sign * (p_next - p) / h * (2 / kicks)
    return torch.linalg.lstsq(columns, wanted[:, None]).solution[:, 0]


def _force_alone(powers, *pairs):
    """The coefficients of the slope, not of the potential."""
    return potential(powers, *pairs) * torch.tensor([float(a) for a in powers])


POTENTIAL_MISTAKES = {
    "The sign is wrong: a kick is minus the slope of the potential.": (
        lambda *a: _fit(*a, sign=1)
    ),
    "The force at the old position alone is Euler's: the second half kick is at the "
    "new one.": lambda *a: _fit(*a, at="old"),
    "The force at the new position alone: the first half kick is at the old one.": (
        lambda *a: _fit(*a, at="new")
    ),
    "One force in the middle is drift-kick-drift, the other Verlet.": (
        lambda *a: _fit(*a, at="middle")
    ),
    "Scaling: a kick takes the time h.": lambda a, q, p, u, v, h: _fit(
        a, q, p, u, v, 1
    ),
    "Scaling: each of the two kicks is a half one.": lambda *a: _fit(*a, kicks=4),
    "Momenta change by the slope of the potential, not by the potential.": (
        lambda *a: _fit(*a, slope=False)
    ),
    "A coefficient may be negative: a potential may have two wells.": (
        lambda *a: potential(*a).clamp(min=0)
    ),
    "These are the coefficients of the slope: q^a has the slope a q^(a - 1).": (
        _force_alone
    ),
    "The coefficients belong to the powers in the order in which these are given.": (
        lambda powers, *pairs: potential(sorted(powers), *pairs)
    ),
    "The coefficients belong to the powers in the order given, not from the largest "
    "down.": lambda powers, *pairs: potential(sorted(powers)[::-1], *pairs),
}


# ---- q2: the friction that the loss hides


def friction(energies, momenta, inverse_mass, dt) -> float:
    """The right answer to q2."""
    return _friction(energies, momenta, inverse_mass, dt)


def _friction(
    energies, momenta, M, dt, *, rule="trapezoid", mass=True, factor=1.0, pool="sums"
):
    moved = momenta @ M if mass else momenta
    power = factor * (momenta * moved).sum(-1)
    inner = {
        "trapezoid": (power[:, 1:] + power[:, :-1]) / 2,
        "left": power[:, :-1],
        "right": power[:, 1:],
        "all": power,
    }[rule]
    spent = dt * inner.sum(-1)
    lost = energies[:, 0] - energies[:, -1]
    found = (lost / spent).mean() if pool == "ratios" else lost.sum() / spent.sum()
    return found.item()


def _positive_part(energies, momenta, M, dt):
    """Only the steps on which the energy falls."""
    lost = -energies.diff(dim=-1).clamp(max=0).sum(-1)
    fake = torch.stack([lost, torch.zeros_like(lost)], dim=-1)
    power = (momenta * (momenta @ M)).sum(-1)
    spent = dt * ((power[:, 1:] + power[:, :-1]) / 2).sum(-1)
    return ((fake[:, 0] - fake[:, 1]).sum() / spent.sum()).item()


FRICTION_MISTAKES = {
    "The sign is wrong: energy that is lost counts as positive friction.": (
        lambda *a: -friction(*a)
    ),
    "Velocity is M times momentum: the power is p . M p, not p . p.": (
        lambda *a: _friction(*a, mass=False)
    ),
    "Scaling: the power is p . M p, twice the kinetic energy.": (
        lambda *a: _friction(*a, factor=0.5)
    ),
    "Scaling: an integral over time needs dt.": lambda e, p, M, dt: friction(
        e, p, M, 1
    ),
    "That is the left sum: the trapezoid rule takes half of both ends.": (
        lambda *a: _friction(*a, rule="left")
    ),
    "That is the right sum: the trapezoid rule takes half of both ends.": (
        lambda *a: _friction(*a, rule="right")
    ),
    "Off by one: T samples have T - 1 intervals; the ends count half.": (
        lambda *a: _friction(*a, rule="all")
    ),
    "Add up all losses and all integrals before you divide: a mean of ratios gives "
    "slow trajectories too much weight.": lambda *a: _friction(*a, pool="ratios"),
    "Steps on which the energy rises count as well, or noise becomes friction.": (
        _positive_part
    ),
    "Films that gain energy have a negative friction: take no absolute value.": (
        lambda *a: abs(friction(*a))
    ),
}


# ---- q3: three strides


def three_strides(M1, M2, M4) -> list:
    """The right answer to q3."""
    return _three(M1, M2, M4)


def _three(
    M1,
    M2,
    M4,
    *,
    order="measured",
    base=2.0,
    sign=1,
    less=1.0,
    pair="fine",
    least=-math.inf,
):
    fine, coarse = (M2 - M1).norm().item(), (M4 - M2).norm().item()
    p = math.log(coarse / fine) / math.log(base)
    if order == "inverse":
        p = -p
    p = max(p, least)
    used = 2.0 if order == "two" else max(math.log2(coarse / fine), least)
    gain = (M1 - M2 if pair == "fine" else M2 - M4) / (2**used - less)
    start = {"fine": M1, "coarse": M2, "mixed": M2}[pair]
    return [p, start + sign * gain]


def _largest_entry(M1, M2, M4):
    """The order from the largest entries."""
    p = math.log2((M4 - M2).abs().max().item() / (M2 - M1).abs().max().item())
    return [p, M1 + (M1 - M2) / (2**p - 1)]


STRIDE_MISTAKES = {
    "The order has the wrong sign: the coarse difference is the larger one.": (
        lambda *a: _three(*a, order="inverse")
    ),
    "An order may be smaller than 1: take it as it was measured.": (
        lambda *a: _three(*a, least=1.0)
    ),
    "The logarithm to base 2: the strides double.": lambda *a: _three(*a, base=math.e),
    "You measured an order and did not use it: not every method has order 2.": (
        lambda *a: _three(*a, order="two")
    ),
    "The sign is wrong: go on from M2 to M1 and beyond, not back.": (
        lambda *a: _three(*a, sign=-1)
    ),
    "Scaling: divide by 2^p - 1, not by 2^p.": lambda *a: _three(*a, less=0.0),
    "Use the two finest strides: what the formula leaves out is smallest there.": (
        lambda *a: _three(*a, pair="coarse")
    ),
    "The size of a matrix is the root of the sum of its squared entries here.": (
        _largest_entry
    ),
}


# ---- q4: is there a potential at all


def no_potential(force, q) -> Tensor:
    """The right answer to q4."""
    return _defect(force, q)


def _jacobian(force, q) -> Tensor:
    flat = q.reshape(-1, q.shape[-1])
    rows = [torch.autograd.functional.jacobian(force, x) for x in flat]
    return torch.stack(rows).reshape(*q.shape, q.shape[-1])  # type: ignore[arg-type]


def _defect(force, q, *, sign=-1, share=1.0, by="jacobian", norm="frobenius"):
    J = _jacobian(force, q)
    odd = share * (J + sign * J.mT)

    def size(A: Tensor) -> Tensor:
        if norm == "largest":
            return A.abs().amax((-1, -2))
        if norm == "squared":
            return A.square().sum((-1, -2))
        return A.square().sum((-1, -2)).sqrt()

    bottom = {"jacobian": size(J), "nothing": 1.0, "force": force(q).norm(dim=-1)}[by]
    return size(odd) / bottom


def _of_the_batch(force, q):
    J = _jacobian(force, q)
    return ((J - J.mT).norm() / J.norm()).reshape(())


DEFECT_MISTAKES = {
    "The sign is wrong: J + J^T is the part that a potential may have.": (
        lambda *a: _defect(*a, sign=1)
    ),
    "Scaling: do not halve J - J^T.": lambda *a: _defect(*a, share=0.5),
    "It is not relative yet: divide by the norm of J.": (
        lambda *a: _defect(*a, by="nothing")
    ),
    "Divide by the norm of the Jacobian, not by that of the force.": (
        lambda *a: _defect(*a, by="force")
    ),
    "The Frobenius norm, not the largest entry.": lambda *a: _defect(
        *a, norm="largest"
    ),
    "That is the square: the norms have roots.": lambda *a: _defect(*a, norm="squared"),
    "One number for each state: take norms over the last two axes only.": _of_the_batch,
}


def _force(draw: Draw, name: str, n: int) -> Code:
    """A force as seen in velocities: a matrix times the slope of a potential."""
    mixed = draw.tensor(f"{name} M", n, n, low=-0.6, high=0.6)
    M = (torch.eye(n).to(mixed) * 2 + mixed + mixed.mT).round(decimals=3).tolist()
    a = draw.tensor(f"{name} a", n, low=0.5, high=1.5).tolist()
    b = draw.number(f"{name} b", 0.3, 0.9)
    return Code(
        f"lambda q: -(torch.tensor({a}, dtype=q.dtype) * q**3"
        f" + {b} * torch.sin(q).flip(-1)) @ torch.tensor({M}, dtype=q.dtype)"
    )


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""

    def pairs(name: str, n: int, *powers: int) -> tuple:
        """Pairs of a step with noise, of a potential with these powers."""
        h = draw.number(f"{name} h", 0.1, 0.4)
        q, p = draw.tensor(f"{name} q", n), draw.tensor(f"{name} p", n)
        q_next = q + h * draw.tensor(f"{name} v", n, low=-2, high=2)
        c = draw.tensor(f"{name} c", len(powers), low=0.3, high=1.5)
        c = (c * torch.tensor([1, -1, 1])[: len(powers)]).tolist()  # of both signs
        slopes = sum(
            w * a * (q ** (a - 1) + q_next ** (a - 1))
            for w, a in zip(c, powers, strict=True)
        )
        noise = draw.tensor(f"{name} noise", n, low=-0.1, high=0.1)
        p_next = p - h / 2 * slopes + h * noise
        moved = (q_next.round(decimals=4), p_next.round(decimals=4))
        return list(powers), q, p, *moved, h

    def films(name: str, n: int, n_times: int, d: int, sign: int = 1) -> tuple:
        """Energies that fall (or with -1: rise) with some noise, and momenta."""
        dt = draw.number(f"{name} dt", 0.05, 0.3)
        mixed = draw.tensor(f"{name} M", d, d, low=-0.3, high=0.3)
        M = (torch.eye(d).to(mixed) * 1.7 + mixed + mixed.mT).round(decimals=3)
        momenta = draw.tensor(f"{name} p", n, n_times, d)
        start = draw.tensor(f"{name} E", n, 1, low=1, high=2)
        falls = draw.tensor(f"{name} falls", n, n_times - 1, low=-0.01, high=0.05)
        energies = torch.cat([start, start - sign * falls.cumsum(-1)], dim=-1)
        return energies.round(decimals=4), momenta, M, dt

    def strides(name: str, n: int, low: float = 0.9, high: float = 4.2) -> tuple:
        """Matrices learned at h, 2 h and 4 h by a method of some order."""
        truth = draw.tensor(f"{name} M", n, n, low=1, high=4)
        bias = draw.tensor(f"{name} bias", n, n, low=-0.05, high=0.05)
        order = draw.number(f"{name} order", low, high, 2)
        found = []
        for stride in (1, 2, 4):
            noise = draw.tensor(f"{name} noise {stride}", n, n, low=-1e-3, high=1e-3)
            found.append((truth + bias * stride**order + noise).round(decimals=6))
        return tuple(found)

    return [
        Question(
            "q1",
            "potential",
            potential,
            pairs("q1 example", 6, 2, 4),
            (
                Check("other pairs", 3, (pairs("1a", 40, 2, 4),)),
                Check(
                    "other powers, in any order",
                    3,
                    (pairs("1b", 60, 4, 2, 3), pairs("1c", 50, 3, 6)),
                ),
            ),
            POTENTIAL_MISTAKES,
        ),
        Question(
            "q2",
            "friction",
            friction,
            films("q2 example", 2, 4, 2),
            (
                Check(
                    "other films, with loss and with gain",
                    2,
                    (films("2a", 6, 9, 2), films("2c", 4, 8, 2, -1)),
                ),
                Check("three positions", 2, (films("2b", 5, 12, 3),)),
            ),
            FRICTION_MISTAKES,
        ),
        Question(
            "q3",
            "three_strides",
            three_strides,
            strides("q3 example", 2),
            (
                Check("another method", 3, (strides("3a", 2),)),
                Check(
                    "three positions, a low order",
                    2,
                    (strides("3b", 3, 0.4, 0.8),),
                ),
            ),
            STRIDE_MISTAKES,
        ),
        Question(
            "q4",
            "no_potential",
            no_potential,
            (_force(draw, "q4 example", 2), draw.tensor("q4 example q", 2)),
            (
                Check(
                    "another force",
                    2,
                    (
                        (
                            _force(draw, "4a", 2),
                            draw.tensor("4a q", 2, low=0.5, high=1.5),
                        ),
                    ),
                ),
                Check(
                    "a batch, three positions",
                    2,
                    ((_force(draw, "4b", 3), draw.tensor("4b q", 4, 2, 3)),),
                ),
            ),
            DEFECT_MISTAKES,
        ),
    ]
