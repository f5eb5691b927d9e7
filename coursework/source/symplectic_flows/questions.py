"""Which law, and for how long: the questions on "Symplectic flows"."""

import math

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.variants import Draw

DTYPE = torch.float64
VERLET = (
    "lambda h, x: torch.stack(["
    "x[..., 0] + h * x[..., 1] - h**2 / 2 * {k} * x[..., 0],"
    " x[..., 1] - h * {k} * (x[..., 0] + h / 2 * x[..., 1]"
    " - h**2 / 4 * {k} * x[..., 0])], dim=-1)"
)


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    omega = draw.number("omega", 0.8, 1.5, 2)
    return {
        "omega": omega,
        "h": draw.number("h", 0.4, 0.6, 3),
        "gamma": draw.number("gamma", 0.05, 0.2, 3),
        "verlet": Code(VERLET.format(k=round(omega**2, 4))),
        "gradients": [_gradient(draw, f"layer {i}", 1) for i in range(3)],
    }


def _gradient(draw: Draw, name: str, d: int) -> Code:
    """Gradient of a learned potential that depends on time, (..., d) -> (..., d)."""
    a = draw.tensor(f"{name} a", 3, d, low=-1.5, high=1.5).tolist()
    b, pace, w = (draw.tensor(f"{name} {k}", 3).tolist() for k in ("b", "c", "w"))
    return Code(
        f"lambda t, q: (torch.tensor({w}, dtype=q.dtype) / torch.cosh("
        f"q @ torch.tensor({a}, dtype=q.dtype).T + torch.tensor({b}, dtype=q.dtype)"
        f" + t * torch.tensor({pace}, dtype=q.dtype))**2)"
        f" @ torch.tensor({a}, dtype=q.dtype)"
    )


# ---- q1: drift or wobble


def trend_and_wobble(energies, dt) -> list[Tensor]:
    """The right answer to q1."""
    return _trend(energies, dt)


def _trend(energies, dt, *, relative=True, size=False, mean=False, through=False):
    errors = energies - energies[..., :1]
    if relative:
        errors = errors / energies[..., :1]
    if size:
        errors = errors.abs()
    if mean:
        errors = energies / energies.mean(-1, keepdim=True) - 1
    times = dt * torch.arange(energies.shape[-1]).to(energies)
    centre = 0 * times.mean() if through else times.mean()
    offset = 0 * errors[..., :1] if through else errors.mean(-1, keepdim=True)
    far = times - centre
    slope = (far * (errors - offset)).sum(-1) / far.square().sum()
    line = offset + slope[..., None] * far
    return [slope, (errors - line).abs().amax(-1)]


def _two_points(energies, dt):
    errors = energies / energies[..., :1] - 1
    slope = errors[..., -1] / (dt * (energies.shape[-1] - 1))
    line = slope[..., None] * dt * torch.arange(energies.shape[-1]).to(energies)
    return [slope, (errors - line).abs().amax(-1)]


def _no_line_off(energies, dt):
    return [_trend(energies, dt)[0], (energies / energies[..., :1] - 1).abs().amax(-1)]


def _spread(energies, dt):
    slope, _ = _trend(energies, dt)
    errors = energies / energies[..., :1] - 1
    times = dt * torch.arange(energies.shape[-1]).to(energies)
    rest = errors - slope[..., None] * times
    return [slope, (rest - rest.mean(-1, keepdim=True)).square().mean(-1).sqrt()]


TREND_MISTAKES = {
    "Scaling: the slope is per unit of time, not per step.": (
        lambda e, dt: _trend(e, 1.0)
    ),
    "The error is relative: divide by the initial energy.": (
        lambda *a: _trend(*a, relative=False)
    ),
    "The trend has a sign: take no absolute values before the line is fitted.": (
        lambda *a: _trend(*a, size=True)
    ),
    "Compare with the initial energy, not with the mean one.": (
        lambda *a: _trend(*a, mean=True)
    ),
    "The line has an offset; it need not pass through zero.": (
        lambda *a: _trend(*a, through=True)
    ),
    "A wobble looks like a trend between two points: fit all of them.": _two_points,
    "The wobble is what the line leaves over, not the whole error.": _no_line_off,
    "The wobble is the largest distance from the line, not the typical one.": _spread,
    "Divide by E_0 itself, also where it is negative.": (
        lambda e, dt: [e[..., 0].sign() * _trend(e, dt)[0], _trend(e, dt)[1]]
    ),
    "The sign is wrong: energy that is gained counts as positive.": (
        lambda e, dt: [-_trend(e, dt)[0], _trend(e, dt)[1]]
    ),
}


# ---- q2: the law of a map


def law(M, h) -> Tensor:
    """The right answer to q2."""
    return _law(M, h)


def _law(M, h, *, sign=1, per=True, by="angle", half=1.0, turn=False):
    M = M.mT if turn else M
    cosine = (M[0, 0] + M[1, 1]).item() / 2
    angle = math.acos(cosine)
    factor = {
        "angle": angle / math.sin(angle),
        "small": 1.0,
        "sine": 1 / math.sin(angle),
        "acute": math.asin(math.sin(angle)) / math.sin(angle),
    }[by]
    # M = exp(h J S), so h J S is the logarithm of M, and J has the inverse -J.
    shift = 1.0 if by == "small" else cosine
    log = factor * (M - shift * torch.eye(2).to(M))
    minus_j = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).to(M)
    return half * sign * (minus_j @ log) / (h if per else 1.0)


def _on_the_right(M, h):
    """J on the wrong side."""
    minus_j = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).to(M)
    return (minus_j.mT @ law(M, h)) @ minus_j


LAW_MISTAKES = {
    "The sign is wrong: J has the inverse -J.": lambda *a: _law(*a, sign=-1),
    "Scaling: M belongs to the time h, so its logarithm is h J S.": (
        lambda *a: _law(*a, per=False)
    ),
    "(M - I)/h is the law of a short step only; take the whole logarithm.": (
        lambda *a: _law(*a, by="small")
    ),
    "The angle is missing: log M is theta / sin(theta) times (M - cos(theta) I).": (
        lambda *a: _law(*a, by="sine")
    ),
    "The plane may turn by more than a right angle: take the angle from its cosine.": (
        lambda *a: _law(*a, by="acute")
    ),
    "The plane may turn the other way round: then S is negative.": (
        lambda *a: law(*a) * law(*a).trace().sign()
    ),
    "The energy is x . S x / 2, so S is the matrix of its second derivatives; do not "
    "halve it.": lambda *a: _law(*a, half=0.5),
    "That is the law of the transposed map.": lambda *a: _law(*a, turn=True),
    "J stands on the left of S; on the other side position and momentum are "
    "exchanged.": _on_the_right,
}


def _symplectic(draw: Draw, name: str, most: float = 0.75) -> Tensor:
    """A symplectic matrix that turns the plane by an angle of at most this cosine."""
    for attempt in range(1000):
        high = 1.2 if most > 0 else 1.8
        a, b, c = (draw.number(f"{name} {attempt} {k}", 0.2, high, 3) for k in "abc")
        M = _shear(-a, low=True) @ _shear(b) @ _shear(-c, low=True)
        cosine = (M[0, 0] + M[1, 1]).item() / 2
        if -0.75 < cosine < most and abs(M[0, 0] - M[1, 1]) > 0.1:
            return M
    raise RuntimeError("no matrix turns far enough")


def _shear(value: float, low: bool = False) -> Tensor:
    M = torch.eye(2, dtype=DTYPE)
    M[(1, 0) if low else (0, 1)] = value
    return M


# ---- q3: there and back


def symmetric_flow(gradients, t, x) -> Tensor:
    """The right answer to q3."""
    return _symmetric(gradients, t, x)


def _layers(gradients, t, x, *, undo=False, zero=True, turned=False, first=0):
    q, p = x.chunk(2, dim=-1)
    order = list(enumerate(gradients, first))
    if undo and not turned:
        order.reverse()
    sign = -1 if undo else 1
    for i, gradient in order:
        at = q if i % 2 == 0 else p
        move = gradient(t, at) - (gradient(0.0, at) if zero else 0.0)
        if i % 2 == 0:
            p = p - sign * move
        else:
            q = q + sign * move
    return torch.cat([q, p], dim=-1)


def _symmetric(gradients, t, x, *, half=0.5, back=-1, swap=False, plus=False, **how):
    layers = how.pop("forward", {})
    for part in ("first", "second"):
        if (part == "second") != swap:
            x = _layers(gradients, half * t, x, **layers)
        else:
            x = _layers(gradients, back * half * t, x, undo=not plus, **layers, **how)
    return x


SYMMETRIC_MISTAKES = {
    "Scaling: each of the two halves takes the time t/2.": (
        lambda *a: _symmetric(*a, half=1.0)
    ),
    "Undoing the layers for +t/2 leads back to where one came from; undo those for "
    "-t/2.": lambda *a: _symmetric(*a, back=1),
    "The layers must be undone from the last to the first.": (
        lambda *a: _symmetric(*a, turned=True)
    ),
    "The wrong order: the undone layers come first, the flow second.": (
        lambda *a: _symmetric(*a, swap=True)
    ),
    "The sign is wrong: applying the layers for -t/2 goes back in time; undo them.": (
        lambda *a: _symmetric(*a, plus=True)
    ),
    "The flow twice for t/2 is symplectic, but not symmetric.": (
        lambda *a: _symmetric(*a, plus=True, back=1)
    ),
    "The gradient at time zero must be taken away in every layer.": (
        lambda *a: _symmetric(*a, forward={"zero": False})
    ),
    "The time may be negative: take no absolute value.": (
        lambda gradients, t, x: _symmetric(gradients, abs(t), x)
    ),
    "The first layer is a kick: it moves the momenta.": (
        lambda *a: _symmetric(*a, forward={"first": 1})
    ),
}


# ---- q4: friction without a mirror


def friction_step(gradient, gamma, h, x) -> Tensor:
    """The right answer to q4."""
    return _friction(gradient, gamma, h, x)


def _friction(
    gradient,
    gamma,
    h,
    x,
    *,
    share=0.5,
    sides=2,
    sign=-1,
    both=False,
    euler=False,
    kick=1,
):
    q, p = x.chunk(2, dim=-1)
    shrink = math.exp(sign * share * gamma * h)
    if euler:
        shrink = 1 - share * gamma * h
    p = shrink * p
    q = shrink * q if both else q
    p = p - kick * h / 2 * gradient(q)
    q = q + h * p
    p = p - kick * h / 2 * gradient(q)
    last = shrink if sides == 2 else 1.0
    return torch.cat([last * q if both else q, last * p], dim=-1)


def _at_the_end(gradient, gamma, h, x):
    q, p = _friction(gradient, 0.0, h, x).chunk(2, dim=-1)
    return torch.cat([q, math.exp(-gamma * h) * p], dim=-1)


def _same_place(gradient, gamma, h, x):
    """Both kicks with the force at the old positions."""
    q, p = x.chunk(2, dim=-1)
    shrink, force = math.exp(-gamma * h / 2), gradient(q)
    p = shrink * p - h / 2 * force
    return torch.cat([q + h * p, shrink * (p - h / 2 * force)], dim=-1)


FRICTION_MISTAKES = {
    "Scaling: each of the two halves damps for the time h/2, not h.": (
        lambda *a: _friction(*a, share=1.0)
    ),
    "The sign is wrong: friction takes momentum, it does not give it.": (
        lambda *a: _friction(*a, sign=1)
    ),
    "Friction damps the momenta, not the positions.": (
        lambda *a: _friction(*a, both=True)
    ),
    "The damping is exact: the exponential, not 1 - gamma h / 2.": (
        lambda *a: _friction(*a, euler=True)
    ),
    "The wrong order: half of the damping comes before the kicks, half behind.": (
        _at_the_end
    ),
    "The wrong order: half of the damping comes behind the kicks.": (
        lambda *a: _friction(*a, share=1.0, sides=1)
    ),
    "The second kick uses the new positions.": _same_place,
    "The force is minus the gradient of the potential.": (
        lambda *a: _friction(*a, kick=-1)
    ),
    "There is no friction in it.": lambda g, c, h, x: _friction(g, 0.0, h, x),
}


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""

    def energies(name: str, n_times: int, *batch: int) -> tuple:
        """Energies with a trend of either sign and a wobble."""
        start = draw.tensor(f"{name} E", *batch, 1, low=0.2, high=2)
        rate = draw.tensor(f"{name} rate", *batch, 1, low=-0.001, high=0.001)
        size = draw.tensor(f"{name} size", *batch, 1, low=0.005, high=0.03)
        pace = draw.tensor(f"{name} pace", *batch, 1, low=0.7, high=1.9)
        dt = draw.number(f"{name} dt", 0.2, 0.8, 2)
        k = torch.arange(n_times).to(start)
        wobble = size * (torch.sin(pace * k + 0.3) - math.sin(0.3))
        return (start * (1 + rate * dt * k - wobble)).round(decimals=6), dt

    def layers(name: str, n: int, *shape: int, sign: int = 1) -> tuple:
        d = shape[-1] // 2
        found = [_gradient(draw, f"{name} {i}", d) for i in range(n)]
        t = sign * draw.number(f"{name} t", 0.5, 1.0)
        return found, t, draw.tensor(f"{name} x", *shape)

    def friction(name: str, *shape: int) -> tuple:
        k, s = (draw.number(f"{name} {part}", 0.5, 1.5) for part in "ks")
        force = Code(f"lambda q: {k} * torch.sin(q) + {s} * q**3")
        gamma, h = (
            draw.number(f"{name} g", 0.3, 0.9),
            draw.number(f"{name} h", 0.2, 0.6),
        )
        return force, gamma, h, draw.tensor(f"{name} x", *shape)

    def matrix(name: str, most: float = 0.75, back: bool = False) -> tuple:
        M = _symplectic(draw, name, most)
        h = draw.number(f"{name} h", 0.3, 0.8)
        return (torch.linalg.inv(M) if back else M), h

    bound, dt = energies("1c", 20, 4)
    return [
        Question(
            "q1",
            "trend_and_wobble",
            trend_and_wobble,
            energies("q1 example", 6),
            (
                Check("one orbit", 2, (energies("1a", 40),)),
                Check(
                    "many orbits, also of negative energy",
                    2,
                    (energies("1b", 25, 3, 2), (-bound, dt)),
                ),
            ),
            TREND_MISTAKES,
        ),
        Question(
            "q2",
            "law",
            law,
            matrix("q2 example"),
            (
                Check("another map", 2, (matrix("2a"),)),
                Check(
                    "larger turns, and the other way round",
                    3,
                    (matrix("2b", -0.2), matrix("2c", back=True)),
                ),
            ),
            LAW_MISTAKES,
        ),
        Question(
            "q3",
            "symmetric_flow",
            symmetric_flow,
            (given["gradients"], given["h"], draw.tensor("q3 example", 2)),
            (
                Check(
                    "other layers, times of both signs",
                    3,
                    (layers("3a", 3, 5, 2), layers("3c", 2, 4, 2, sign=-1)),
                ),
                Check("four layers, two positions", 3, (layers("3b", 4, 3, 4),)),
            ),
            SYMMETRIC_MISTAKES,
        ),
        Question(
            "q4",
            "friction_step",
            friction_step,
            friction("q4 example", 2),
            (
                Check("another force", 2, (friction("4a", 2),)),
                Check("a batch, three positions", 2, (friction("4b", 4, 6),)),
            ),
            FRICTION_MISTAKES,
        ),
    ]
