"""Noise, velocities and limits: the questions on the chapter "Flow-map learning"."""

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.variants import Draw

ROTATION = (
    "lambda t, x: torch.stack([x[..., 0] * math.cos({w} * t)"
    " + x[..., 1] * math.sin({w} * t) / {w}, x[..., 1] * math.cos({w} * t)"
    " - {w} * x[..., 0] * math.sin({w} * t)], dim=-1)"
)


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    omega = draw.number("omega", 0.7, 1.9, 2)
    return {
        "omega": omega,
        "dt": draw.number("dt", 0.02, 0.04, 4),
        "noise": draw.number("noise", 0.06, 0.12, 3),
        "h": draw.number("h", 0.1, 0.4, 3),
        "flow": Code(ROTATION.format(w=omega)),
        "phi": _network(draw, "phi", 2),
    }


def _network(draw: Draw, name: str, d: int) -> Code:
    """A learned flow map: the identity plus a small network for the increment."""
    inner = draw.tensor(f"{name} inner", 3, d, low=-1.5, high=1.5).tolist()
    bias = draw.tensor(f"{name} bias", 3).tolist()
    outer = draw.tensor(f"{name} outer", d, 3, low=-0.4, high=0.4).tolist()
    return Code(
        f"lambda x: x + torch.tanh(x @ torch.tensor({inner}, dtype=x.dtype).T"
        f" + torch.tensor({bias}, dtype=x.dtype))"
        f" @ torch.tensor({outer}, dtype=x.dtype).T"
    )


# ---- q1: standardise without looking ahead


def standardised_pairs(seen, new, stride) -> list[Tensor]:
    """The right answer to q1."""
    return _standardised(seen, new, stride)


def _standardised(
    seen, new, stride, *, more=None, gap=None, every=False, power=1, one=False, less=1
):
    parts = [seen] if more is None else [seen, more]
    gap = gap or stride
    start = torch.cat([part[:, :-gap].flatten(0, 1) for part in parts])
    end = torch.cat([part[:, gap:].flatten(0, 1) for part in parts])
    x, x_next = new[:, :-stride], new[:, stride:]

    def constants(values: Tensor) -> tuple[Tensor, Tensor]:
        per = None if one else 0
        return values.mean(per), values.std(per, correction=less) ** power

    states = seen.flatten(0, 1) if every else start
    (centre, spread), (shift, scale) = constants(states), constants(end - start)
    return [(x - centre) / spread, (x_next - x - shift) / scale]


def _initial_only(seen, new, stride):
    return _standardised(seen[:, : stride + 1], new, stride)


def _not_increments(seen, new, stride):
    inputs, _ = _standardised(seen, new, stride)
    end = seen[:, stride:]
    return [inputs, (new[:, stride:] - end.mean((0, 1))) / end.std((0, 1))]


def _by_spread_of_states(seen, new, stride):
    inputs, targets = _standardised(seen, new, stride)
    scale = (seen[:, stride:] - seen[:, :-stride]).std((0, 1))
    return [inputs, targets * scale / seen[:, :-stride].std((0, 1))]


def _no_shift(seen, new, stride):
    inputs, targets = _standardised(seen, new, stride)
    increments = seen[:, stride:] - seen[:, :-stride]
    return [inputs, targets + increments.mean((0, 1)) / increments.std((0, 1))]


def _backwards(seen, new, stride):
    inputs, targets = _standardised(seen, new, stride)
    return [inputs, -targets]


PAIR_MISTAKES = {
    "Data leak: the four constants were computed from the new trajectories.": (
        lambda seen, new, k: _standardised(new, new, k)
    ),
    "Data leak: the new trajectories took part in computing the constants.": (
        lambda seen, new, k: _standardised(seen, new, k, more=new)
    ),
    "The sign is wrong: the increment is the later state minus the earlier one.": (
        _backwards
    ),
    "The constants belong to pairs that lie stride samples apart, not one.": (
        lambda *a: _standardised(*a, gap=1)
    ),
    "The constants belong to all pairs, not to the first of each trajectory.": (
        _initial_only
    ),
    "The network is asked for the increment, not for the next state.": _not_increments,
    "Scaling: divide the increments by their own spread, not by that of states.": (
        _by_spread_of_states
    ),
    "The mean increment must be subtracted, too.": _no_shift,
    "Scaling: divide by the standard deviation, not by the variance.": (
        lambda *a: _standardised(*a, power=2)
    ),
    "Each component has constants of its own.": (
        lambda *a: _standardised(*a, one=True)
    ),
    "Off by some: the last states of a trajectory are the input of no pair.": (
        lambda *a: _standardised(*a, every=True)
    ),
    "The standard deviation is that of torch, with n - 1 below the sum.": (
        lambda *a: _standardised(*a, less=0)
    ),
}


# ---- q2: the noise in the inputs


def corrected_map(x, x_next, sigma) -> Tensor:
    """The right answer to q2."""
    return _fit(x, x_next, len(x) * sigma**2)


def _fit(x, x_next, remove) -> Tensor:
    gram = x.mT @ x - torch.diag(remove)
    return torch.linalg.solve(gram, x.mT @ x_next).mT


MAP_MISTAKES = {
    "That is plain least squares: the noise of the inputs is still in X^T X.": (
        lambda x, y, s: _fit(x, y, 0 * s)
    ),
    "The sign is wrong: noise has made X^T X larger; take it out, do not add it.": (
        lambda x, y, s: _fit(x, y, -len(x) * s**2)
    ),
    "Scaling: X^T X is a sum over n pairs, so n variances are in it.": (
        lambda x, y, s: _fit(x, y, s**2)
    ),
    "Variances add up, not standard deviations: square sigma.": (
        lambda x, y, s: _fit(x, y, len(x) * s)
    ),
    "Twice the variance is the noise of the increment; X^T X holds it once.": (
        lambda x, y, s: _fit(x, y, 2 * len(x) * s**2)
    ),
    "Each component has its own noise.": (
        lambda x, y, s: _fit(x, y, len(x) * (s**2).mean().expand(len(s)))
    ),
    "That is the transpose: states are rows, so x_next = x @ M.T.": (
        lambda x, y, s: corrected_map(x, y, s).mT
    ),
    "That is the matrix of the increment: the map is the identity plus it.": (
        lambda x, y, s: corrected_map(x, y, s) - torch.eye(len(s)).to(x)
    ),
    "That map goes backwards in time: the roles of x and x_next are swapped.": (
        lambda x, y, s: corrected_map(y, x, s)
    ),
}


# ---- q3: from jumps back to the field


def field_from_jumps(phi, h, x) -> Tensor:
    """The right answer to q3."""
    return _velocity(2, -1, phi, h, x)


def _velocity(once: float, twice: float, phi, h, x) -> Tensor:
    """A mixture of the mean velocities over one jump and over two."""
    y = phi(x)
    return once * (y - x) / h + twice * (phi(y) - x) / (2 * h)


VELOCITY_MISTAKES = {
    "That is the mean velocity of one jump, of order 1: use the second jump.": (
        lambda *a: _velocity(1, 0, *a)
    ),
    "That is the velocity half way, after one jump, not at x.": (
        lambda *a: _velocity(0, 1, *a)
    ),
    "The weights are in the wrong order: that is the mean velocity of jump two.": (
        lambda *a: _velocity(-1, 2, *a)
    ),
    "A mean of the two cancels nothing: their errors have the same sign.": (
        lambda *a: _velocity(0.5, 0.5, *a)
    ),
    "These weights cancel an error in h^2, but the first error here is in h.": (
        lambda *a: _velocity(4 / 3, -1 / 3, *a)
    ),
    "The sign is wrong: forwards in time is later minus earlier.": (
        lambda *a: -field_from_jumps(*a)
    ),
    "Scaling: a velocity is a distance over the time h.": (
        lambda phi, h, x: h * field_from_jumps(phi, h, x)
    ),
    "Scaling: that is twice the velocity; two jumps take the time 2 h.": (
        lambda *a: 2 * field_from_jumps(*a)
    ),
}


# ---- q4: how far a forecast stays where the map was taught


def last_trusted(trajectories, forecasts) -> Tensor:
    """The right answer to q4."""
    return _lead(_inside(trajectories, forecasts)).clamp(max=forecasts.shape[-2] - 1)


def _inside(trajectories, forecasts, *, end=-1, per=(0, 1)) -> Tensor:
    inputs = trajectories[:, :end]
    low, high = inputs.amin(per), inputs.amax(per)
    return (forecasts >= low) & (forecasts <= high)


def _lead(inside: Tensor) -> Tensor:
    """How many states, from the first one on, have every component inside."""
    return inside.all(-1).long().cumprod(-1).sum(-1)


def _any_component(trajectories, forecasts):
    inside = _inside(trajectories, forecasts).any(-1, keepdim=True)
    return _lead(inside).clamp(max=forecasts.shape[-2] - 1)


def _counts_returns(trajectories, forecasts):
    return _inside(trajectories, forecasts).all(-1)[..., :-1].sum(-1)


def _last_return(trajectories, forecasts):
    inside = _inside(trajectories, forecasts).all(-1)[..., :-1]
    return (inside * torch.arange(1, inside.shape[-1] + 1)).amax(-1)


def _without_faces(trajectories, forecasts):
    inputs = trajectories[:, :-1]
    inside = (forecasts > inputs.amin((0, 1))) & (forecasts < inputs.amax((0, 1)))
    return _lead(inside[..., :-1, :])


def _nothing_given(trajectories, forecasts):
    """A start outside is not even trusted itself."""
    starts = _inside(trajectories, forecasts)[..., 0, :].all(-1)
    return last_trusted(trajectories, forecasts) - (~starts).long()


def _box(**options):
    def wrong(trajectories, forecasts):
        inside = _inside(trajectories, forecasts, **options)
        return _lead(inside).clamp(max=forecasts.shape[-2] - 1)

    return wrong


TRUST_MISTAKES = {
    "Off by one: a state outside was still computed from one inside.": (
        lambda a, b: _lead(_inside(a, b)) - 1
    ),
    "Off by one: a forecast that never leaves ends at index T - 1.": (
        lambda a, b: _lead(_inside(a, b))
    ),
    "A forecast that has left the box is lost, even if it comes back.": (
        _counts_returns
    ),
    "States behind the first one outside are not trusted, wherever they lie.": (
        _last_return
    ),
    "The box is closed: a state on one of its faces is inside.": _without_faces,
    "State 0 is given and trusted, also where it lies outside.": _nothing_given,
    "Every component of a state must be inside.": _any_component,
    "The last state of a trajectory was never an input of the map.": _box(end=None),
    "The box must hold all inputs, not the initial states alone.": _box(end=1),
    "Each component has limits of its own.": _box(per=(0, 1, 2)),
    "Data leak: the box was computed from the forecasts that it should judge.": (
        lambda a, b: torch.full(b.shape[:-2], b.shape[-2] - 1)
    ),
}


def _trust_case(draw: Draw, name: str, n_times: int, *batch: int, d: int = 2) -> tuple:
    """Trajectories and forecasts that tell all mistakes apart."""
    for attempt in range(1000):
        label = f"{name} {attempt}"
        size = draw.tensor(f"{label} size", d, low=0.5, high=1.5)
        start = size * draw.tensor(f"{label} start", 4, 1, d, low=-0.6, high=0.6)
        moves = size * draw.tensor(f"{label} moves", 4, 4, d, low=-0.5, high=0.5)
        seen = torch.cat([start, start + moves.cumsum(-2)], dim=-2)
        begin = size * draw.tensor(f"{label} begin", *batch, 1, d, low=-0.3, high=0.3)
        shape = (*batch, n_times - 1, d)
        steps = size * draw.tensor(f"{label} steps", *shape, low=-0.55, high=0.55)
        forecasts = torch.cat([begin, begin + steps.cumsum(-2)], dim=-2)
        case = (seen.round(decimals=3), forecasts.round(decimals=3))
        right = last_trusted(*case)
        starts_inside = _inside(*case)[..., 0, :].all()
        if starts_inside and all(
            not wrong(*case).equal(right)
            for wrong in TRUST_MISTAKES.values()
            if wrong not in (_without_faces, _nothing_given)  # see _at_the_edge
        ):
            return case
    raise RuntimeError("no sample shows every mistake")


def _at_the_edge(draw: Draw, name: str, d: int = 2) -> tuple:
    """Forecasts with states on faces of the box, or with a start outside of it."""
    seen = draw.tensor(f"{name} seen", 4, 5, d).round(decimals=3)
    low, high = seen[:, :-1].amin((0, 1)), seen[:, :-1].amax((0, 1))
    middle = (low + high) / 2
    upper, lower = middle.clone(), middle.clone()
    upper[0], lower[-1] = high[0], low[-1]
    far = high + draw.tensor(f"{name} far", d, low=0.1, high=0.9)
    rows = (
        (middle, upper, lower, far, middle),
        (low, middle, middle, high, middle),
        (far, middle, middle, middle, middle),
        (far, far, middle, upper, far),
        (middle, far, middle, lower, far),
    )
    return seen, torch.stack([torch.stack(row) for row in rows])


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""
    phi, h = given["phi"], given["h"]

    def orbits(name: str, n: int, n_times: int, d: int = 2) -> Tensor:
        """Smooth trajectories with a drift, shape (n, n_times, d)."""
        rate = draw.tensor(f"{name} rate", n, 1, d, low=0.4, high=2)
        phase = draw.tensor(f"{name} phase", n, 1, d, low=-3, high=3)
        size = draw.tensor(f"{name} size", d, low=0.5, high=2)
        drift = draw.tensor(f"{name} drift", d, low=0.1, high=0.5)
        times = 0.4 * torch.arange(n_times).to(rate)[:, None]
        curves = size * torch.sin(rate * times + phase) + drift * times
        return curves.round(decimals=4)

    def noisy(name: str, n: int, d: int = 2) -> tuple:
        """Pairs of a linear map, and how noisy each component is."""
        sigma = draw.tensor(f"{name} sigma", d, low=0.05, high=0.25)
        matrix = torch.eye(d).to(sigma) + draw.tensor(
            f"{name} M", d, d, low=-0.4, high=0.4
        )
        x = draw.tensor(f"{name} x", n, d)
        errors = sigma * draw.tensor(f"{name} e", 2, n, d, low=-1.7, high=1.7)
        pair = (x + errors[0], x @ matrix.mT + errors[1])
        return (*(states.round(decimals=4) for states in pair), sigma)

    stride = draw.whole("stride", 2, 5)
    example_stride = 2 if stride != 2 else 3
    return [
        Question(
            "q1",
            "standardised_pairs",
            standardised_pairs,
            (orbits("q1 a", 2, 5), orbits("q1 b", 1, 5), example_stride),
            (
                Check(
                    "another stride, and neighbours",
                    2,
                    (
                        (orbits("1a", 4, 12), orbits("1a new", 3, 9), stride),
                        (orbits("1d", 3, 7), orbits("1d new", 2, 6), 1),
                    ),
                ),
                Check(
                    "every state is used",
                    2,
                    ((orbits("1b", 3, 14), orbits("1b new", 2, 14), stride + 1),),
                ),
                Check(
                    "dimension three",
                    2,
                    ((orbits("1c", 5, 11, 3), orbits("1c new", 2, 8, 3), stride),),
                ),
            ),
            PAIR_MISTAKES,
        ),
        Question(
            "q2",
            "corrected_map",
            corrected_map,
            noisy("q2 example", 8),
            (
                Check("another map, more pairs", 3, (noisy("2a", 40),)),
                Check("dimension three", 3, (noisy("2b", 60, 3),)),
            ),
            MAP_MISTAKES,
        ),
        Question(
            "q3",
            "field_from_jumps",
            field_from_jumps,
            (phi, h, draw.tensor("q3 example", 2)),
            (
                Check(
                    "other states, one and many",
                    2,
                    (
                        (phi, h, draw.tensor("3a", 2)),
                        (phi, h, draw.tensor("3a many", 3, 4, 2)),
                    ),
                ),
                Check(
                    "another map and time step",
                    2,
                    (
                        (
                            _network(draw, "3b", 3),
                            draw.number("3b h", 0.05, 0.6),
                            draw.tensor("3b x", 5, 3),
                        ),
                    ),
                ),
            ),
            VELOCITY_MISTAKES,
        ),
        Question(
            "q4",
            "last_trusted",
            last_trusted,
            _trust_case(draw, "q4 example", 8, 4),
            (
                Check(
                    "other forecasts, also from outside and along the faces",
                    2,
                    (_trust_case(draw, "4a", 9, 10), _at_the_edge(draw, "4c")),
                ),
                Check(
                    "a batch, dimension three",
                    2,
                    (_trust_case(draw, "4b", 7, 4, 3, d=3),),
                ),
            ),
            TRUST_MISTAKES,
        ),
    ]
