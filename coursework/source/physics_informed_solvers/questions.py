"""From residuals to statements: the questions on "Physics-informed solvers"."""

import math

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.variants import Draw

DTYPE = torch.float64


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    damping = draw.number("damping", 0.25, 0.45, 2)
    stiffness = draw.number("stiffness", 1.5, 3.0, 2)
    turn = math.pi / math.sqrt(stiffness - damping**2 / 4)  # half a turn
    loud, quiet = round(4 - turn, 2), round(4 - turn / 2, 2)
    weak = draw.number("weak", 0.012, 0.024, 4)
    bursts = f"0.08 * torch.exp(-20 * (t - {loud})**2)"
    bursts += f" + {weak} * torch.exp(-20 * (t - {quiet})**2)"
    return {
        "A": torch.tensor([[0.0, 1.0], [-stiffness, -damping]], dtype=DTYPE),
        "T": 4.0,
        "residual": Code(f"lambda t: torch.stack([0 * t, {bursts}], dim=-1)"),
    }


def _network(draw: Draw, name: str, d: int) -> Code:
    """A small network of time, (n, 1) -> (n, d)."""
    inner = draw.tensor(f"{name} inner", 4, 1, low=-2, high=2).tolist()
    bias = draw.tensor(f"{name} bias", 4).tolist()
    outer = draw.tensor(f"{name} outer", d, 4).tolist()
    return Code(
        f"lambda t: torch.tanh(t @ torch.tensor({inner}, dtype=t.dtype).T"
        f" + torch.tensor({bias}, dtype=t.dtype))"
        f" @ torch.tensor({outer}, dtype=t.dtype).T"
    )


def _force(draw: Draw, name: str) -> Code:
    """An acceleration that depends on time, position and velocity."""
    k, c, b = (draw.number(f"{name} {part}", 0.3, 1.5) for part in "kcb")
    return Code(
        f"lambda t, x, v: -{k} * torch.sin(x) - {c} * v * x**2"
        f" + {b} * torch.cos(t)[:, None]"
    )


# ---- q1: a start with a velocity


def second_order_residual(net, force, t, x0, v0) -> Tensor:
    """The right answer to q1."""
    return _residual(net, force, t, x0, v0)


def _derivative(values: Tensor, t: Tensor) -> Tensor:
    slopes = [
        torch.autograd.grad(column.sum(), t, create_graph=True)[0]
        for column in values.unbind(-1)
    ]
    return torch.stack(slopes, dim=-1)


def _residual(
    net, force, t, x0, v0, *, power=2, kick=1.0, order=2, part="both", at=None, sign=1
):
    t = t.detach().clone().requires_grad_()
    s = t[:, None]
    value = x0 + kick * s * v0 + s**power * net(s)
    velocity = _derivative(value, t)
    if part == "sum":
        (velocity,) = torch.autograd.grad(value.sum(), t, create_graph=True)
        velocity = velocity[:, None].expand_as(value)
    found = velocity if order == 1 else _derivative(velocity, t)
    seen = {None: velocity, "v0": v0.expand_as(value), "zero": 0 * value}[at]
    return (sign * (found - force(t, value, seen))).detach()


def _network_alone(net, force, t, x0, v0):
    """The second derivative of the network, times t squared."""
    t = t.detach().clone().requires_grad_()
    s = t[:, None]
    out = net(s)
    value = x0 + s * v0 + s**2 * out
    velocity = _derivative(value, t)
    bend = s**2 * _derivative(_derivative(out, t), t)
    return (bend - force(t, value, velocity)).detach()


RESIDUAL_MISTAKES = {
    "The sign is wrong: the residual is the acceleration of N minus the force.": (
        lambda *a: _residual(*a, sign=-1)
    ),
    "That is the velocity of N minus the force: differentiate twice.": (
        lambda *a: _residual(*a, order=1)
    ),
    "With t instead of t^2 the network can change the initial velocity.": (
        lambda *a: _residual(*a, power=1)
    ),
    "The initial velocity is missing in the trial solution.": (
        lambda *a: _residual(*a, kick=0.0)
    ),
    "The product rule: t^2 has derivatives as well.": _network_alone,
    "The force depends on the velocity of N, not on the initial one.": (
        lambda *a: _residual(*a, at="v0")
    ),
    "The velocity is missing in the force.": lambda *a: _residual(*a, at="zero"),
    "Every component has its own derivative: the sum over components does not "
    "separate.": lambda *a: _residual(*a, part="sum"),
}


# ---- q2: the past comes first


def causal_loss(residuals, epsilon) -> float:
    """The right answer to q2."""
    return _causal(residuals, epsilon)


def _causal(
    residuals, epsilon, *, sign=-1, own=0, weights="sum", per="sample", over="windows"
):
    losses = residuals.square().sum(-1).mean(-1)
    if per == "component":
        losses = residuals.square().mean((-1, -2))
    if per == "norm":
        losses = residuals.norm(dim=-1).mean(-1)
    past = losses.cumsum(0) - (1 - own) * losses
    if weights == "last":
        past = torch.cat([torch.zeros(1, dtype=losses.dtype), losses[:-1]])
    if weights == "future":
        past = losses.flip(0).cumsum(0).flip(0) - losses
    w = torch.exp(sign * epsilon * past)
    if weights == "product":  # of the past, without the exponential
        w = 1 / (1 + epsilon * past)
    total = (w * losses).sum()
    return (total / {"windows": len(w), "weights": w.sum(), "none": 1}[over]).item()


CAUSAL_MISTAKES = {
    "The sign is wrong: a large past loss must make the weight small.": (
        lambda *a: _causal(*a, sign=1)
    ),
    "Off by one: a window's own loss is not in its past.": (
        lambda *a: _causal(*a, own=1)
    ),
    "All earlier windows count, not the last one alone.": (
        lambda *a: _causal(*a, weights="last")
    ),
    "The weights look into the future: a window waits for those before it.": (
        lambda *a: _causal(*a, weights="future")
    ),
    "The weights are not normalised: divide by the number of windows.": (
        lambda *a: _causal(*a, over="weights")
    ),
    "Scaling: the loss is the mean over the windows, not their sum.": (
        lambda *a: _causal(*a, over="none")
    ),
    "Scaling: |r|^2 is the sum over the components, not their mean.": (
        lambda *a: _causal(*a, per="component")
    ),
    "The residual is not squared.": lambda *a: _causal(*a, per="norm"),
    "That is the plain mean of squares: the weights are missing.": (
        lambda r, e: _causal(r, 0.0)
    ),
}


# ---- q3: which interval is to blame


def blame(A, residuals, dt, c) -> Tensor:
    """The right answer to q3."""
    return _blame(A, residuals, dt, c)


def _blame(
    A, residuals, dt, c, *, sign=1, transpose=False, delay=-1, turn=False, gain="exact"
):
    A = A.mT if transpose else A
    n_intervals, d = residuals.shape
    one, block = torch.eye(d, dtype=A.dtype), torch.zeros(2 * d, 2 * d, dtype=A.dtype)
    block[:d, :d], block[:d, d:] = dt * A, dt * one
    gains = {
        "exact": torch.linalg.matrix_exp(block)[:d, d:],
        "euler": dt * one,
        "one": torch.linalg.matrix_exp(block)[:d, d:] / dt,
        "inverse": torch.linalg.pinv(A) @ (torch.linalg.matrix_exp(dt * A) - one),
    }
    found = []
    for k in range(n_intervals):
        left = k if turn else n_intervals + delay - k
        carried = torch.linalg.matrix_exp(left * dt * A) @ gains[gain] @ residuals[k]
        found.append(sign * c @ carried)
    return torch.stack(found)


BLAME_MISTAKES = {
    "The sign is wrong: the residual drives the error with a plus.": (
        lambda *a: _blame(*a, sign=-1)
    ),
    "The transposed matrix acts on c; if you move it to the residual, turn it back.": (
        lambda *a: _blame(*a, transpose=True)
    ),
    "Off by one: an error made in an interval is carried by the later ones only.": (
        lambda *a: _blame(*a, delay=0)
    ),
    "The wrong order: the first interval's error travels longest, the last's not.": (
        lambda *a: _blame(*a, turn=True)
    ),
    "Within its interval, too, the error grows or shrinks; dt r is an Euler step.": (
        lambda *a: _blame(*a, gain="euler")
    ),
    "Scaling: an interval of length dt contributes in proportion to dt.": (
        lambda *a: _blame(*a, gain="one")
    ),
    "A need not have an inverse, and a pseudo-inverse loses what it maps to zero: "
    "take the block of the matrix exponential.": lambda *a: _blame(*a, gain="inverse"),
    "A contribution has a sign: no absolute values, or nothing can cancel.": (
        lambda *a: blame(*a).abs()
    ),
    "That is the sum up to each interval; return the single contributions.": (
        lambda *a: blame(*a).cumsum(0)
    ),
}


# ---- q4: a wider tube


def proved(residuals, rate, dt, most_tries) -> list[float]:
    """The right answer to q4."""
    return _proved(residuals, rate, dt, most_tries)


def _proved(
    residuals, rate, dt, most_tries, *, on_path=False, check=True, euler=False, extra=0
):
    bound, n = 0.0, 0
    for k, size in enumerate(residuals.tolist()):
        width = 1.1 * bound + 2 * dt * size
        for _ in range(most_tries + extra):
            z = min(dt * rate(k, 0.0 if on_path else width), 100.0)
            gain = 1.0 if z == 0 else math.expm1(z) / z
            grown = math.exp(z) * bound + dt * gain * size
            if euler:
                grown = bound + z * bound + dt * size
            if not check or max(bound, grown) < width:
                break
            width *= 2
        else:
            break
        bound, n = grown, n + 1
    return [n, bound]


def _one_try(residuals, rate, dt, most_tries):
    return _proved(residuals, rate, dt, 1)


def _last_tube(residuals, rate, dt, most_tries):
    """The bound that was meant is the tube's half-width."""
    bound, n = 0.0, 0
    for k, size in enumerate(residuals.tolist()):
        width = 1.1 * bound + 2 * dt * size
        for _ in range(most_tries):
            z = dt * rate(k, width)
            gain = 1.0 if z == 0 else math.expm1(z) / z
            if max(bound, math.exp(z) * bound + dt * gain * size) < width:
                break
            width *= 2
        else:
            break
        bound, n = width, n + 1
    return [n, bound]


def _dissipates(residuals, rate, dt, most_tries):
    """A negative rate taken for zero."""
    return proved(residuals, lambda k, w: max(0.0, rate(k, w)), dt, most_tries)


PROOF_MISTAKES = {
    "No proof: the rate must be taken in the tube, not on the path itself.": (
        lambda *a: _proved(*a, on_path=True)
    ),
    "No proof: check that the bound stays inside the tube it was computed for.": (
        lambda *a: _proved(*a, check=False)
    ),
    "That gives up too soon: where the check fails, try a tube twice as wide.": (
        _one_try
    ),
    "Off by one: one width too many was tried.": lambda *a: _proved(*a, extra=1),
    "Off by one: one width too few was tried.": lambda *a: _proved(*a, extra=-1),
    "With an Euler step it is no bound: use the exponential.": (
        lambda *a: _proved(*a, euler=True)
    ),
    "The width of the tube is not the bound; the bound is what stayed inside.": (
        _last_tube
    ),
    "A rate may be negative; then errors shrink.": _dissipates,
}


def _proof_case(
    draw: Draw, name: str, n: int, tries: int, *, still: bool = False
) -> tuple:
    """Residuals and rates for which all mistakes show, and the proof ends early.

    If ``still``, nothing grows or shrinks on the second interval: the rate is zero.
    """
    for attempt in range(3000):
        label = f"{name} {attempt}"
        sizes = draw.tensor(f"{label} R", n, low=0.01, high=0.06)
        base = draw.tensor(f"{label} L", n, low=-6, high=9).tolist()
        if still:
            base[1] = 0.0
        steep = draw.number(f"{label} steep", 2, 6, 2)
        dt = draw.number(f"{label} dt", 0.1, 0.2)
        case = (sizes, _rate(base, steep), dt, tries)
        right = proved(*case)
        case = (sizes[: int(right[0]) + 2], *case[1:])
        shows = all(_differ(wrong(*case), right) for wrong in PROOF_MISTAKES.values())
        if tries > 2:  # else a try too few is one try
            shows &= _differ(_one_try(*case), _proved(*case, extra=-1))
        if 4 <= right[0] < n - 1 and shows:
            source = f"{base}[k] + {steep} * width"
            source = f"lambda k, width: {f'{base}[k] and ' if still else ''}{source}"
            return case[0], Code(source), dt, tries
    raise RuntimeError("no sample shows every mistake")


def _rate(base: list[float], steep: float):
    return lambda k, width: base[k] and base[k] + steep * width


def _differ(found: list[float], right: list[float]) -> bool:
    shows = found[0] != right[0] or not math.isclose(found[1], right[1], rel_tol=1e-4)
    return shows and found[1] < 1e6


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""

    def start(name: str, n: int, d: int) -> tuple:
        t = draw.tensor(f"{name} t", n, low=0.2, high=2)
        x0, v0 = draw.tensor(f"{name} x0", d), draw.tensor(f"{name} v0", d)
        return _network(draw, name, d), _force(draw, name), t, x0, v0

    def windows(name: str, *shape: int) -> tuple:
        return draw.tensor(f"{name} r", *shape), draw.number(f"{name} eps", 0.3, 1.5)

    def linear(name: str, n: int, d: int, singular: bool = False) -> tuple:
        """A system whose shares have both signs; if singular, a drifting particle."""
        dt = draw.number(f"{name} dt", 0.1, 0.4)
        for attempt in range(1000):
            A = draw.tensor(f"{name} A {attempt}", d, d, low=-1.5, high=1.5)
            if singular:  # nilpotent: no inverse, and no basis of eigenvectors
                A = A.triu(1)
            residuals = draw.tensor(f"{name} r {attempt}", n, d)
            case = (A, residuals, dt, draw.tensor(f"{name} c {attempt}", d))
            if blame(*case).amin() < 0 < blame(*case).amax():
                return case
        raise RuntimeError("no sample has shares of both signs")

    early = _proof_case(draw, "4c", 14, 3)
    whole = (early[0][: int(proved(*early)[0])], *early[1:])
    none = (early[0], Code("lambda k, width: 40.0"), *early[2:])
    return [
        Question(
            "q1",
            "second_order_residual",
            second_order_residual,
            start("q1 example", 3, 2),
            (
                Check("another force and network", 2, (start("1a", 6, 2),)),
                Check(
                    "one component, and three",
                    2,
                    (start("1b", 5, 3), start("1c", 4, 1)),
                ),
            ),
            RESIDUAL_MISTAKES,
        ),
        Question(
            "q2",
            "causal_loss",
            causal_loss,
            windows("q2 example", 3, 2, 2),
            (
                Check("other residuals", 2, (windows("2a", 5, 8, 2),)),
                Check("another dimension, more windows", 2, (windows("2b", 8, 5, 3),)),
            ),
            CAUSAL_MISTAKES,
        ),
        Question(
            "q3",
            "blame",
            blame,
            (given["A"], *linear("q3 example", 3, 2)[1:]),
            (
                Check(
                    "another matrix, and one without inverse",
                    3,
                    (linear("3a", 7, 2), linear("3c", 6, 2, singular=True)),
                ),
                Check("dimension three", 3, (linear("3b", 9, 3),)),
            ),
            BLAME_MISTAKES,
        ),
        Question(
            "q4",
            "proved",
            proved,
            _proof_case(draw, "q4 example", 12, 2),
            (
                Check(
                    "other residuals and rates, also zero",
                    2,
                    (_proof_case(draw, "4a", 14, 3, still=True),),
                ),
                Check(
                    "another number of tries; a proof of all intervals, and of none",
                    2,
                    (_proof_case(draw, "4b", 12, 2), early, whole, none),
                ),
            ),
            PROOF_MISTAKES,
        ),
    ]
