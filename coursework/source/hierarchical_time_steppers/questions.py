"""Landmarks and leaks: the questions on "Hierarchical time-steppers"."""

import math

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.variants import Draw

DEEP = (2, 12, 1, 6)  # four levels, in no order
LEVELS = ((6, 3, 1), (8, 2, 1), (9, 3, 1), (10, 5, 1), (12, 4, 1))


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    levels = draw.choice("levels", LEVELS)
    dt, omega = draw.number("dt", 0.01, 0.03, 4), draw.number("omega", 0.7, 1.8, 2)
    damping = draw.number("damping", 0.02, 0.2, 2)
    return {
        "dt": dt,
        "omega": omega,
        "damping": damping,
        "flows": {k: _learned(draw, f"level {k}", k * dt, omega) for k in levels},
    }


def _learned(draw: Draw, name: str, h: float, omega: float) -> Code:
    """The flow map of an oscillator with an error of its own, as a network has it."""
    c, s = math.cos(omega * h), math.sin(omega * h)
    rotation = torch.tensor([[c, s / omega], [-omega * s, c]], dtype=torch.float64)
    error = draw.tensor(f"{name} A", 2, 2, low=-0.01, high=0.01)
    matrix = (rotation + error).round(decimals=4).tolist()
    shift = draw.tensor(f"{name} b", 2, low=-0.02, high=0.02).tolist()
    return Code(
        f"lambda x: x @ torch.tensor({matrix}, dtype=x.dtype).T"
        f" + torch.tensor({shift}, dtype=x.dtype)"
    )


# ---- q1: a forecast of any length


def forecast(flows, x0, n_steps) -> Tensor:
    """The right answer to q1."""
    return _forecast(flows, x0, n_steps, sorted(flows, reverse=True))


def _forecast(flows, x0, n_steps, order) -> Tensor:
    """State i: the levels in this order, each as often as fits into what is left."""
    states = []
    for i in range(n_steps + 1):
        x, left = x0, i
        for level in order:
            for _ in range(left // level):
                x = flows[level](x)
            left %= level
        states.append(x)
    return torch.stack(states, dim=-2)


def _finest_alone(flows, x0, n_steps):
    return _forecast(flows, x0, n_steps, [min(flows)])


def _finest_first(flows, x0, n_steps):
    """Landmarks only where the finer levels have already arrived."""
    states = [x0]
    for i in range(1, n_steps + 1):
        level = max(k for k in flows if i % k == 0)
        states.append(flows[level](states[i - level]))
    longest = max(flows)
    for i in range(longest, n_steps + 1, longest):  # overwritten by the shortest step
        states[i] = flows[min(flows)](states[i - 1])
    return torch.stack(states, dim=-2)


def _as_listed(flows, x0, n_steps):
    """Each level computes what those before it in the dictionary have left."""
    states = {0: x0}
    for level in flows:
        for i in range(level, n_steps + 1, level):
            if i not in states:
                states[i] = flows[level](states[i - level])
    return torch.stack([states[i] for i in range(n_steps + 1)], dim=-2)


def _two_levels_only(flows, x0, n_steps):
    return _forecast(flows, x0, n_steps, [max(flows), min(flows)])


def _stops_early(flows, x0, n_steps):
    whole = forecast(flows, x0, n_steps)
    return whole[..., : n_steps // max(flows) * max(flows) + 1, :]


def _shifted(flows, x0, n_steps):
    return forecast(flows, flows[min(flows)](x0), n_steps)


FORECAST_MISTAKES = {
    "That is the shortest step alone: the landmarks are not used.": _finest_alone,
    "A dictionary may hold its levels in any order: begin with the longest one.": (
        _as_listed
    ),
    "A landmark is known already: the shorter steps must not overwrite it.": (
        _finest_first
    ),
    "A middle level is skipped: it sets landmarks for the next shorter one.": (
        _two_levels_only
    ),
    "The forecast must go on behind the last landmark, to n_steps.": _stops_early,
    "Off by one: the initial state is the first of the n_steps + 1 states.": (
        lambda f, x, n: forecast(f, x, n)[..., 1:, :]
    ),
    "Off by one: entry 0 must be the initial state itself.": _shifted,
    "The time axis comes second last, before the components.": (
        lambda f, x, n: forecast(f, x, n).movedim(-2, 0)
    ),
}


# ---- q2: the floor


def straight_line_floor(truth, substeps) -> float:
    """The right answer to q2."""
    return _gap(truth, substeps)[..., 1:, :].square().mean().item()


def _gap(truth, substeps, hold=False) -> Tensor:
    """What straight lines (or the last known state) miss, of the shape of truth."""
    known = truth[..., ::substeps, :]
    start, rise = known[..., :-1, :], known.diff(dim=-2)
    share = torch.arange(substeps).to(truth)[:, None] / substeps * (not hold)
    lines = start[..., None, :] + share * rise[..., None, :]
    lines = torch.cat([lines.flatten(-3, -2), known[..., -1:, :]], dim=-2)
    return lines - truth


def _between_only(truth, substeps):
    keep = torch.arange(truth.shape[-2]) % substeps != 0
    return _gap(truth, substeps)[..., keep, :].square().mean().item()


FLOOR_MISTAKES = {
    "That is the root of the mean: the measure is the mean of the squares.": (
        lambda x, k: straight_line_floor(x, k) ** 0.5
    ),
    "Off by one: the initial state is given, so it does not count.": (
        lambda x, k: _gap(x, k).square().mean().item()
    ),
    "Computed states count as well, though straight lines do not miss them.": (
        _between_only
    ),
    "Those are no straight lines: the last known state was held.": (
        lambda x, k: _gap(x, k, hold=True)[..., 1:, :].square().mean().item()
    ),
    "The mean is taken over the components too, not their sum.": (
        lambda x, k: straight_line_floor(x, k) * x.shape[-1]
    ),
    "That is the largest squared error, not the mean.": (
        lambda x, k: _gap(x, k).square().max().item()
    ),
}


# ---- q3: choose on one sample, report on another


def choose_and_report(validation, validation_truth, test, test_truth) -> list[float]:
    """The right answer to q3."""
    errors = _errors(validation, validation_truth)
    best = min(range(len(errors)), key=errors.__getitem__)
    return [best, _errors(test, test_truth)[best]]


def _errors(forecasts, truth, first=1) -> list[float]:
    return [(f - truth)[..., first:, :].square().mean().item() for f in forecasts]


def _leak(validation, validation_truth, test, test_truth):
    return choose_and_report(test, test_truth, test, test_truth)


def _pooled(validation, validation_truth, test, test_truth):
    both = torch.cat([validation, test], dim=1)
    truth = torch.cat([validation_truth, test_truth])
    return choose_and_report(both, truth, test, test_truth)


def _optimist(validation, validation_truth, test, test_truth):
    return choose_and_report(validation, validation_truth, validation, validation_truth)


def _worst(validation, validation_truth, test, test_truth):
    errors = _errors(validation, validation_truth)
    best = max(range(len(errors)), key=errors.__getitem__)
    return [best, _errors(test, test_truth)[best]]


def _counts_from_one(*arguments):
    best, error = choose_and_report(*arguments)
    return [best + 1, error]


def _rooted(*arguments):
    best, error = choose_and_report(*arguments)
    return [best, error**0.5]


def _chosen_by(measure):
    """The set that is best by another measure."""

    def wrong(validation, validation_truth, test, test_truth):
        errors = measure((validation - validation_truth)[:, :, 1:])
        best = errors.argmin().item()
        return [best, _errors(test, test_truth)[best]]

    return wrong


def _absolute(validation, validation_truth, test, test_truth):
    """Chosen and reported by the mean of absolute errors."""
    best = int(_by_size(validation, validation_truth, test, test_truth)[0])
    return [best, (test[best] - test_truth)[:, 1:].abs().mean().item()]


_by_size = _chosen_by(lambda errors: errors.abs().mean((1, 2, 3)))
_by_end = _chosen_by(lambda errors: errors[:, :, -1].square().mean((1, 2)))
_by_roots = _chosen_by(lambda errors: errors.square().mean((2, 3)).sqrt().mean(1))
_by_lengths = _chosen_by(lambda errors: errors.norm(dim=-1).mean((1, 2)))


def _with_initial(validation, validation_truth, test, test_truth):
    best = int(choose_and_report(validation, validation_truth, test, test_truth)[0])
    return [best, _errors(test, test_truth, first=0)[best]]


# Further measures of errors (sets, N, T - 1, d), which must not be right by chance.
MEASURES = (
    lambda errors: errors.square().mean((2, 3)).amax(1),
    lambda errors: errors.abs().amax((1, 2, 3)),
    lambda errors: errors[:, 0].square().mean((1, 2)),
    lambda errors: errors[..., 0].square().mean((1, 2)),
    lambda errors: errors.square().mean(3).sqrt().mean((1, 2)),
)
ANOTHER = (
    "The set was chosen by another measure than the mean of the squares over all "
    "trajectories, times and components."
)
CHOICE_MISTAKES = {
    ANOTHER: _by_size,
    "The measure is the mean of the squares, for the report as well.": _absolute,
    f"{ANOTHER} All times count.": _by_end,
    f"{ANOTHER} No roots of parts.": _by_roots,
    f"{ANOTHER} No lengths.": _by_lengths,
    "Data leak: the set was chosen by its error on the test trajectories.": _leak,
    "Data leak: the test trajectories took part in the choice.": _pooled,
    "That is the validation error of the chosen set: it flatters.": _optimist,
    "The smallest error wins, not the largest.": _worst,
    "Off by one: sets are counted from 0.": _counts_from_one,
    "That is the root of the mean: the measure is the mean of the squares.": _rooted,
    "The initial state is given, so it does not count.": _with_initial,
}


def _all_show(case: tuple) -> bool:
    """Whether no mistake is right by chance, and no honest one looks like a leak."""
    right = choose_and_report(*case)
    if any(wrong(*case) == right for wrong in CHOICE_MISTAKES.values()):
        return False
    truth = case[1][:, 1:]
    errors = case[0][:, :, 1:] - truth
    shares = (errors / truth).square().mean((1, 2, 3))
    sizes = (errors.square().sum((2, 3)) / truth.square().sum((1, 2))).mean(1)
    others = [measure(errors) for measure in MEASURES] + [shares, sizes]
    if right[0] in [measured.argmin().item() for measured in others]:
        return False
    unfair = [wrong(*case)[0] for wrong in (_leak, _pooled)]
    largest = _worst(*case)[0]
    honest = [wrong(*case)[0] for wrong in (_by_size, _by_end, _by_roots, _by_lengths)]
    return not {*unfair, largest} & {*honest} and largest not in unfair


def _choice_case(draw: Draw, name: str, *shape: int) -> tuple:
    """Forecasts whose best set differs between the samples, so that a leak shows."""
    for attempt in range(20000):
        label = f"{name} {attempt}"
        truths = [draw.tensor(f"{label} truth {i}", *shape[1:]) for i in (0, 1)]
        forecasts = []
        for i, truth in enumerate(truths):
            noise = draw.tensor(f"{label} noise {i}", *shape) ** 3 * (0.1 + 0.2 * i)
            noise[:, :, 0] = 0
            forecasts.append((truth + noise).round(decimals=4))
        case = (forecasts[0], truths[0], forecasts[1], truths[1])
        if _all_show(case):
            return case
    raise RuntimeError("no sample shows every mistake")


# ---- q4: a warning that needs no truth


def relative_defect(long_flow, short_flow, ratio, x) -> Tensor:
    """The right answer to q4."""
    return _defect(long_flow, short_flow, ratio, x)


def _defect(long_flow, short_flow, ratio, x, *, by="move", repeats=0) -> Tensor:
    there, y = long_flow(x), x
    for _ in range(ratio + repeats):
        y = short_flow(y)
    size = {"move": (there - x), "state": x, "end": there}[by].norm(dim=-1)
    return (there - y).norm(dim=-1) / size


DEFECT_MISTAKES = {
    "Off by one: the short flow is applied once too seldom.": (
        lambda *a: _defect(*a, repeats=-1)
    ),
    "Off by one: the short flow is applied once too often.": (
        lambda *a: _defect(*a, repeats=1)
    ),
    "Divide by the distance that the long flow moves the state.": (
        lambda f, g, m, x: _defect(f, g, m, x) * (f(x) - x).norm(dim=-1)
    ),
    "Divide by the distance moved, not by the size of the state.": (
        lambda *a: _defect(*a, by="state")
    ),
    "Divide by the distance moved, not by the size of the new state.": (
        lambda *a: _defect(*a, by="end")
    ),
    "That is the square of the defect.": lambda *a: _defect(*a) ** 2,
    "One number for each state: take norms over the last axis only.": (
        lambda f, g, m, x: (
            (_defect(f, g, m, x) * (f(x) - x).norm(dim=-1)).norm() / (f(x) - x).norm()
        )
    ),
    "The sign is wrong: a defect is a distance.": lambda *a: -_defect(*a),
}


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""
    flows, dt = given["flows"], given["dt"]
    longest = max(flows)

    def other_flows(name: str, levels: tuple = ()) -> dict[int, Code]:
        """Flow maps of these levels, or of other ones than those of the class."""
        others = [k[::-1] for k in LEVELS if k[0] != longest]
        levels = levels or draw.choice(f"{name} levels", others)
        omega = draw.number(f"{name} omega", 0.6, 1.6)
        return {k: _learned(draw, f"{name} {k}", k * dt, omega) for k in levels}

    def curves(name: str, *shape: int, d: int = 2) -> Tensor:
        """Smooth trajectories, shape (..., T, d)."""
        *batch, n_times = shape
        rate = draw.tensor(f"{name} rate", *batch, 1, d, low=0.5, high=2)
        phase = draw.tensor(f"{name} phase", *batch, 1, d, low=-3, high=3)
        times = 10 * dt * torch.arange(n_times).to(rate)[:, None]
        return torch.sin(rate * times + phase).round(decimals=6)

    def pair(name: str, more: int, *batch: int) -> tuple:
        ratio = draw.whole("ratio", 2, 4) + more
        omega = draw.number(f"{name} omega", 0.6, 1.6)
        long = _learned(draw, f"{name} long", 3 * ratio * dt, omega)
        short = _learned(draw, f"{name} short", 3 * dt, omega)
        return long, short, ratio, draw.tensor(f"{name} x", *batch, 2)

    k = draw.whole("substeps", 3, 7)
    return [
        Question(
            "q1",
            "forecast",
            forecast,
            (flows, draw.tensor("q1 example", 2), longest + 2),
            (
                Check(
                    "a multiple of the longest step",
                    2,
                    ((flows, draw.tensor("1a", 2), 2 * longest),),
                ),
                Check(
                    "any number of steps, other levels in any order",
                    2,
                    (
                        (other_flows("1b"), draw.tensor("1b", 2), 37),
                        (other_flows("1d", DEEP), draw.tensor("1d", 2), 34),
                        (flows, draw.tensor("1b2", 2), longest - 1),
                    ),
                ),
                Check(
                    "a batch of states",
                    2,
                    ((flows, draw.tensor("1c", 4, 3, 2), 2 * longest + 3),),
                ),
            ),
            FORECAST_MISTAKES,
        ),
        Question(
            "q2",
            "straight_line_floor",
            straight_line_floor,
            (curves("q2 example", 7), 3),
            (
                Check("one trajectory", 2, ((curves("2a", 4 * k + 1), k),)),
                Check(
                    "many trajectories, three components",
                    2,
                    ((curves("2b", 5, 3 * k + 4, d=3), k + 1),),
                ),
            ),
            FLOOR_MISTAKES,
        ),
        Question(
            "q3",
            "choose_and_report",
            choose_and_report,
            _choice_case(draw, "q3 example", 7, 2, 4, 2),
            (
                Check(
                    "other forecasts",
                    4,
                    tuple(_choice_case(draw, f"3{i}", 7, 3, 6, 2) for i in "abc"),
                ),
            ),
            CHOICE_MISTAKES,
        ),
        Question(
            "q4",
            "relative_defect",
            relative_defect,
            pair("q4 example", 0),
            (
                Check("another pair of flows", 2, (pair("4a", 1),)),
                Check("a batch of states", 2, (pair("4b", 2, 3, 2),)),
            ),
            DEFECT_MISTAKES,
        ),
    ]
