"""What the second law leaves open: the questions on "OnsagerNet"."""

from collections.abc import Callable

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.variants import Draw

FIELD = (
    "lambda h: torch.stack([h[..., 1],"
    " -{kappa} * torch.sin(h[..., 0]) - {b} * h[..., 2],"
    " {b} * h[..., 1] - {r} * h[..., 2]], dim=-1)"
)
ENERGY = "lambda h: h[..., 1] ** 2 / 2 + {kappa} * (1 - torch.cos(h[..., 0]))"
SLOPE = "lambda h: torch.stack([{kappa} * torch.sin(h[..., 0]), h[..., 1]], dim=-1)"


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    given: dict[str, object] = {
        "kappa": draw.number("kappa", 1.5, 3.5, 2),
        "b": draw.number("b", 1.6, 2.4, 2),
        "r": draw.number("r", 7, 10, 1),
    }
    return given | {
        "dt": draw.number("dt", 0.28, 0.36, 2),
        "field": Code(FIELD.format(**given)),
        "energy": Code(ENERGY.format(**given)),
        "slope": Code(SLOPE.format(**given)),
    }


# ---- q1: friction and rotation from velocities


def fit_law(slopes, velocities) -> list[Tensor]:
    """The right answer to q1."""
    return _law(slopes, velocities)


def _law(
    slopes, velocities, *, sign=-1, drive="fitted", share=0.5, split="half"
) -> list[Tensor]:
    ones = torch.ones(len(slopes), 1, dtype=slopes.dtype)
    columns = torch.cat([slopes, ones], dim=1) if drive == "fitted" else slopes
    wanted = velocities - velocities.mean(0) if drive == "mean" else velocities
    found = torch.linalg.lstsq(columns, wanted).solution
    S = sign * found[: slopes.shape[1]].T
    g = {"none": 0 * S[0], "mean": velocities.mean(0)}.get(drive, found[-1])
    if split == "triangles":
        return [S.tril() @ S.tril().T, S.triu(1) - S.triu(1).T, g]
    if split == "diagonal":
        return [torch.diag(S.diag()), S - torch.diag(S.diag()), g]
    return [share * (S + S.T), share * (S - S.T), g]


def _changed(change: Callable) -> Callable:
    """The right parts of the law, handed over in a wrong way."""
    return lambda *a: list(change(*fit_law(*a)))


def _friction_forced(slopes, velocities) -> list[Tensor]:
    """Without the negative eigenvalues of M."""
    M, W, g = fit_law(slopes, velocities)
    values, vectors = torch.linalg.eigh(M)
    return [vectors @ torch.diag(values.clamp(min=0)) @ vectors.T, W, g]


LAW_MISTAKES = {
    "Nothing forces M to be positive: leave it as the data have it.": _friction_forced,
    "The sign is wrong: the state goes down the slope, with -(M + W).": (
        lambda *a: _law(*a, sign=1)
    ),
    "Without a drive in the fit the matrices have to do its work: fit g as well.": (
        lambda *a: _law(*a, drive="none")
    ),
    "The mean velocity is not g, unless the slopes have the mean zero: fit both "
    "together.": lambda *a: _law(*a, drive="mean"),
    "W has the wrong sign: a least-squares solution for rows is the transposed "
    "matrix.": _changed(lambda M, W, g: (M, -W, g)),
    "Scaling: each part is half a sum, or half a difference.": (
        lambda *a: _law(*a, share=1.0)
    ),
    "The two parts are swapped: first the symmetric one.": _changed(
        lambda M, W, g: (W, M, g)
    ),
    "The sign of g: the drive stands in the velocity with a plus.": _changed(
        lambda M, W, g: (M, W, -g)
    ),
    "The triangles are how a network makes M and W; here the sum is known: split it.": (
        lambda *a: _law(*a, split="triangles")
    ),
    "Friction is more than the diagonal: what is symmetric belongs to M.": (
        lambda *a: _law(*a, split="diagonal")
    ),
}


# ---- q2: the law of the slow coordinates


def reduced_law(M, W, k) -> list[Tensor]:
    """The right answer to q2."""
    return _parts(_schur(M + W, k))


def _parts(A: Tensor, share: float = 0.5) -> list[Tensor]:
    return [share * (A + A.mT), share * (A - A.mT)]


def _schur(A: Tensor, k: int, *, sign: int = -1, turned: bool = False) -> Tensor:
    into = A[:, :k, k:]
    out = into.mT if turned else A[:, k:, :k]
    return A[:, :k, :k] + sign * into @ torch.linalg.solve(A[:, k:, k:], out)


def _crossed_out(A: Tensor, k: int) -> Tensor:
    return A[:, :k, :k]


REDUCED_MISTAKES = {
    "Rows and columns can be crossed out in the form of physics only, not in the "
    "solved one.": lambda M, W, k: _parts(_crossed_out(M + W, k)),
    "That is the form of physics of what is left: invert once more.": (
        lambda M, W, k: _parts(_crossed_out(torch.linalg.inv(M + W), k))
    ),
    "The sign is wrong: the way through the fast coordinates is subtracted.": (
        lambda M, W, k: _parts(_schur(M + W, k, sign=1))
    ),
    "The two blocks beside the diagonal are not each other's transposes: W changes "
    "its sign.": lambda M, W, k: _parts(_schur(M + W, k, turned=True)),
    "M cannot be reduced without W: rotation through a fast coordinate is friction.": (
        lambda M, W, k: [_schur(M, k), _crossed_out(W, k)]
    ),
    "The first k coordinates are kept, not the last ones.": (
        lambda M, W, k: _parts(_schur((M + W).flip(-1, -2), k).flip(-1, -2))
    ),
    "Scaling: each part is half a sum, or half a difference.": (
        lambda M, W, k: _parts(_schur(M + W, k), 1.0)
    ),
    "The two parts are swapped: first the symmetric one.": (
        lambda *a: reduced_law(*a)[::-1]
    ),
    "W has the wrong sign.": lambda *a: [reduced_law(*a)[0], -reduced_law(*a)[1]],
    "Off by one: k coordinates stay.": lambda M, W, k: reduced_law(M, W, k - 1),
}


# ---- q3: a step that cannot climb


def lawful_step(potential, slope, A, dt, x) -> Tensor:
    """The right answer to q3."""
    return _step(potential, slope, A, dt, x)


def _step(
    potential,
    slope,
    A,
    dt,
    x,
    *,
    at="middle",
    correct=1.0,
    power=2,
    sign=-1,
    sweeps=60,
    batch=False,
) -> Tensor:
    matrix = A.T
    y = x + sign * dt * slope(x) @ matrix
    for _ in range(sweeps):
        move, middle = y - x, (x + y) / 2
        u = {
            "middle": slope(middle),
            "new": slope(y),
            "mean": (slope(x) + slope(y)) / 2,
        }[at]
        missing = potential(y) - potential(x) - (u * move).sum(-1)
        size = move.square().sum(-1)
        if batch:
            missing, size = missing.sum(), size.sum()
        share = missing / size ** (power / 2)
        u = u + correct * share[..., None] * move
        y = x + sign * dt * u @ matrix
    return y


STEP_MISTAKES = {
    "That is Euler's step: it follows the slope at the start, and may climb.": (
        lambda *a: _step(*a, sweeps=0)
    ),
    "That is the midpoint rule: the correction is missing, and V may climb.": (
        lambda *a: _step(*a, correct=0.0)
    ),
    "That is the implicit Euler method: the slope at the end, without correction.": (
        lambda *a: _step(*a, at="new", correct=0.0)
    ),
    "That is the trapezoidal rule: the mean of two slopes is no discrete slope.": (
        lambda *a: _step(*a, at="mean", correct=0.0)
    ),
    "The slope is that in the middle, not the mean of those at the ends.": (
        lambda *a: _step(*a, at="mean")
    ),
    "The sign of the correction is wrong: it adds what the change of V lacks.": (
        lambda *a: _step(*a, correct=-1.0)
    ),
    "Scaling: the correction is divided by the squared distance.": (
        lambda *a: _step(*a, power=1)
    ),
    "Uphill: the sign is wrong, the step goes down with -A.": (
        lambda *a: _step(*a, sign=1)
    ),
    "A is transposed: for states in rows, the product is u @ A.T.": (
        lambda potential, slope, A, dt, x: _step(potential, slope, A.T, dt, x)
    ),
    "One sweep does not solve the equation: repeat until nothing changes.": (
        lambda *a: _step(*a, sweeps=1)
    ),
    "Eight sweeps do not solve the equation for every step: repeat until nothing "
    "changes.": lambda *a: _step(*a, sweeps=8),
    "Each state of a batch has a correction of its own: sum over the last axis only.": (
        lambda *a: _step(*a, batch=True)
    ),
}


# ---- q4: the least drive


def least_drive(velocities, slopes) -> Tensor:
    """The right answer to q4."""
    return _drive(velocities, slopes)


def _drive(
    velocities,
    slopes,
    *,
    sign=1,
    clamp=True,
    length="along",
    pool="ratio",
    below="velocities",
    by="states",
) -> Tensor:
    product = sign * velocities * slopes
    if by == "components":
        product = product.clamp(min=0)
    climb = product.sum(-1)
    climb = climb.clamp(min=0) if clamp else climb
    size = slopes.norm(dim=-1)
    drive = {"along": climb / size, "rate": climb, "product": climb * size}[length]
    speed = (velocities if below == "velocities" else slopes).norm(dim=-1)
    speed = speed.expand(drive.shape)
    if pool == "count":
        return (climb > 0).to(drive).mean(-1)
    if pool == "mean":
        return (drive / speed).mean(-1)
    if pool == "sums":
        return drive.abs().sum(-1) / speed.sum(-1)
    share = drive.square().sum(-1) / speed.square().sum(-1)
    return share if pool == "squared" else share.sqrt()


DRIVE_MISTAKES = {
    "The sign is wrong: a drive is needed where V grows, not where it falls.": (
        lambda *a: _drive(*a, sign=-1)
    ),
    "Where V falls no drive is needed: a negative f . u counts as zero.": (
        lambda *a: _drive(*a, clamp=False)
    ),
    "Scaling: f . u is the growth of V, the drive has the length f . u / |u|.": (
        lambda *a: _drive(*a, length="rate")
    ),
    "Scaling: (f . u) u is too long by |u|^2.": lambda *a: _drive(*a, length="product"),
    "Add up the squares of all states before you divide: a mean of ratios gives slow "
    "states too much weight.": lambda *a: _drive(*a, pool="mean"),
    "Squares are added up, not lengths.": lambda *a: _drive(*a, pool="sums"),
    "That is the square: the root is missing.": lambda *a: _drive(*a, pool="squared"),
    "That is how often V grows; asked is how large the drive must be.": (
        lambda *a: _drive(*a, pool="count")
    ),
    "Compare with the velocities, not with the slopes.": (
        lambda *a: _drive(*a, below="slopes")
    ),
    "V grows if the whole sum f . u is positive; single components may be.": (
        lambda *a: _drive(*a, by="components")
    ),
}


# ---- the hidden calls


def _turning(draw: Draw, name: str, n: int, d: int) -> tuple[Tensor, Tensor]:
    """Positive definite symmetric and antisymmetric matrices, each ``(n, d, d)``."""
    root = draw.tensor(f"{name} L", n, d, d)
    turn = draw.tensor(f"{name} U", n, d, d, low=-1.5, high=1.5)
    M = root @ root.mT + 0.3 * torch.eye(d).to(root)
    return M.round(decimals=4), (turn - turn.mT).round(decimals=4)


def _films(draw: Draw, name: str, n: int, d: int, lawful: bool = True) -> tuple:
    """Slopes, and velocities of some law (or one of both signs) with some noise."""
    (M,), (W,) = _turning(draw, name, 1, d)
    if not lawful:
        M = M - torch.eye(d).to(M) * M.trace() / d
    slopes = draw.tensor(f"{name} u", n, d) + draw.tensor(f"{name} offset", d)
    g = draw.tensor(f"{name} g", d, low=0.3)
    noise = draw.tensor(f"{name} noise", n, d, low=-0.1, high=0.1)
    velocities = g - slopes @ (M + W).T + noise
    return slopes, velocities.round(decimals=4)


def _steps(draw: Draw, name: str, n: int, d: int, longer: float = 0.0) -> tuple:
    """A potential, its slope, a matrix, a step and states."""
    (M,), (W,) = _turning(draw, name, 1, d)
    A = ((M + W) / (M + W).norm()).round(decimals=4)
    a = draw.tensor(f"{name} a", d, low=0.5, high=1.5).tolist()
    b, c = draw.number(f"{name} b", 0.3, 0.9), draw.number(f"{name} c", 0.3, 0.9)
    weights = f"torch.tensor({a}, dtype=h.dtype)"
    V = f"lambda h: ({weights} * h**2 / 2 + {b} * h**4 / 4).sum(-1)"
    V += f" - {c} * torch.cos(h.sum(-1))"
    u = f"lambda h: {weights} * h + {b} * h**3 + {c} * torch.sin(h.sum(-1))[..., None]"
    dt = round(draw.number(f"{name} dt", 0.15, 0.25) + longer, 3)
    x = draw.tensor(f"{name} x", n, d, low=0.3, high=1.3)
    return Code(V), Code(u), A, dt, x


def _candidates(draw: Draw, name: str, n: int, count: int, d: int) -> tuple:
    """Velocities, and slopes of potentials that fit them better and worse."""
    velocities = draw.tensor(f"{name} f", n, d)
    slopes = draw.tensor(f"{name} u", count, n, d)
    fit = draw.tensor(f"{name} fit", count, 1, 1, low=0, high=0.5)
    return velocities, (slopes - fit * velocities).round(decimals=4)


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""
    return [
        Question(
            "q1",
            "fit_law",
            fit_law,
            _films(draw, "q1 example", 8, 2),
            (
                Check("other films", 3, (_films(draw, "1a", 50, 2),)),
                Check(
                    "more components, M of both signs",
                    2,
                    (_films(draw, "1b", 40, 4), _films(draw, "1c", 60, 3, False)),
                ),
            ),
            LAW_MISTAKES,
        ),
        Question(
            "q2",
            "reduced_law",
            reduced_law,
            (*_turning(draw, "q2 example", 1, 3), 2),
            (
                Check("other matrices", 2, ((*_turning(draw, "2a", 4, 3), 2),)),
                Check(
                    "more coordinates, kept and removed",
                    3,
                    (
                        (*_turning(draw, "2b", 3, 5), 2),
                        (*_turning(draw, "2c", 2, 5), 3),
                    ),
                ),
            ),
            REDUCED_MISTAKES,
        ),
        Question(
            "q3",
            "lawful_step",
            lawful_step,
            _steps(draw, "q3 example", 2, 2),
            (
                Check("another potential", 3, (_steps(draw, "3a", 4, 2),)),
                Check(
                    "three components, also a longer step",
                    3,
                    (_steps(draw, "3b", 5, 3), _steps(draw, "3c", 4, 3, 0.25)),
                ),
            ),
            STEP_MISTAKES,
        ),
        Question(
            "q4",
            "least_drive",
            least_drive,
            _candidates(draw, "q4 example", 4, 2, 2),
            (
                Check("other candidates", 2, (_candidates(draw, "4a", 30, 3, 2),)),
                Check("three components", 2, (_candidates(draw, "4b", 20, 4, 3),)),
            ),
            DRIVE_MISTAKES,
        ),
    ]
