"""Knots and flows: the questions on the chapter "Universal approximation"."""

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.variants import Draw

TARGET = "lambda x: torch.tanh({a} * (x - {p})) + {b} * torch.sin(2 * x)"
CURVATURE = (
    "lambda x: -2 * {a} ** 2 * torch.tanh({a} * (x - {p}))"
    " / torch.cosh({a} * (x - {p})) ** 2 - 4 * {b} * torch.sin(2 * x)"
)


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    numbers = {
        "a": draw.number("a", 18, 40, 1),
        "p": draw.number("p", 0.3, 0.7, 2),
        "b": draw.number("b", 0.2, 0.8, 2),
    }
    return {
        "shift": draw.number("shift", -0.5, 0.5),
        "centres": draw.tensor("centres", 4, low=-1, high=1).sort().values,
        "times": draw.tensor("times", 4, low=-0.9, high=0.9),
        "target": Code(TARGET.format(**numbers)),
        "curvature": Code(CURVATURE.format(**numbers)),
    }


# ---- q1: a network that keeps still outside


def bounded_network(knots, values) -> list:
    """The right answer to q1."""
    return _weights(knots, values.diff() / knots.diff(), values[0])


def _weights(knots, slopes, offset) -> list:
    """Offset and bends of a polygon that is flat on both sides."""
    none = torch.zeros(1).to(slopes)
    return [offset, torch.cat([none, slopes, none]).diff()]


def _bends(change):
    """A mistake in the outer weights alone."""

    def wrong(knots, values):
        offset, outer = bounded_network(knots, values)
        return [offset, change(outer, values.diff() / knots.diff())]

    return wrong


def _equidistant_slopes(knots, values):
    mean = (knots[-1] - knots[0]) / (len(knots) - 1)
    return _weights(knots, values.diff() / mean, values[0])


NETWORK_MISTAKES = {
    "Scaling: these knots are not equidistant; each slope has its own distance.": (
        _equidistant_slopes
    ),
    "Scaling: a slope is a difference of values over a distance of knots.": (
        lambda x, y: _weights(x, y.diff(), y[0])
    ),
    "A unit brings the change of slope at its knot, not the slope.": _bends(
        lambda outer, slopes: torch.cat([slopes, -slopes[-1:]])
    ),
    "The sign of the outer weights is wrong: later slope minus earlier one.": _bends(
        lambda outer, slopes: -outer
    ),
    "To the right of the last knot the network is not flat.": _bends(
        lambda outer, slopes: torch.cat([outer[:-1], 0 * outer[-1:]])
    ),
    "One unit is missing: the one at the last knot makes the network flat.": _bends(
        lambda outer, slopes: outer[:-1]
    ),
    "The sign of the last unit is wrong: it must take the last slope away.": _bends(
        lambda outer, slopes: torch.cat([outer[:-1], -outer[-1:]])
    ),
    "Off by one: each bend is at the knot after its own.": _bends(
        lambda outer, slopes: outer.roll(1)
    ),
    "Off by one: the first unit must bring the first slope.": _bends(
        lambda outer, slopes: torch.cat([0 * outer[:1], outer[1:]])
    ),
    "The network starts from the first value, not from zero.": (
        lambda x, y: _weights(x, y.diff() / x.diff(), 0.0)
    ),
}


# ---- q2: good places for the knots


def good_knots(grid, curvature, n) -> Tensor:
    """The right answer to q2."""
    return _place(grid, curvature.abs().sqrt(), n)


def _place(grid, density, n, *, left=False, spacing=True, n_knots=None) -> Tensor:
    """Knots with the same integral of the density between neighbours."""
    heights = density[:-1] if left else (density[1:] + density[:-1]) / 2
    pieces = heights * grid.diff() if spacing else heights
    integral = torch.cat([torch.zeros(1).to(grid), pieces.cumsum(0)])
    shares = torch.linspace(0, 1, n_knots or n + 1).to(grid) * integral[-1]
    return _interpolate(shares, integral, grid)


def _interpolate(at, x, y) -> Tensor:
    i = torch.searchsorted(x, at).clamp(1, len(x) - 1)
    share = (at - x[i - 1]) / (x[i] - x[i - 1])
    return y[i - 1] + share * (y[i] - y[i - 1])


def _not_inverted(grid, curvature, n):
    density = curvature.abs().sqrt()
    pieces = (density[1:] + density[:-1]) / 2 * grid.diff()
    integral = torch.cat([torch.zeros(1).to(grid), pieces.cumsum(0)])
    equal = torch.linspace(0, 1, n + 1).to(grid) * (grid[-1] - grid[0]) + grid[0]
    share = _interpolate(equal, grid, integral) / integral[-1]
    return grid[0] + share * (grid[-1] - grid[0])


KNOT_MISTAKES = {
    "Those knots are equidistant: the curvature is not used.": (
        lambda x, c, n: _place(x, torch.ones_like(c), n)
    ),
    "The square root is missing: the error grows like the distance squared.": (
        lambda x, c, n: _place(x, c.abs(), n)
    ),
    "That power is the best for the mean square error, not for the sup norm.": (
        lambda x, c, n: _place(x, c.abs() ** 0.4, n)
    ),
    "The wrong way round: knots belong where the curvature is large.": (
        lambda x, c, n: _place(x, c.abs() ** -0.5, n)
    ),
    "Where the target bends downwards knots are needed as well: the sign of the "
    "curvature does not matter.": (
        lambda x, c, n: _place(x, c.clamp(min=0).sqrt() + 1e-300, n)
    ),
    "That is a sum with the left heights: the trapezoid rule takes both.": (
        lambda x, c, n: _place(x, c.abs().sqrt(), n, left=True)
    ),
    "Scaling: the grid is uneven, so each trapezoid has a width of its own.": (
        lambda x, c, n: _place(x, c.abs().sqrt(), n, spacing=False)
    ),
    "Off by one: n intervals have n + 1 knots.": (
        lambda x, c, n: _place(x, c.abs().sqrt(), n, n_knots=n)
    ),
    "That says which share of the integral lies to the left of equidistant points; "
    "the inverse function is wanted.": _not_inverted,
}


# ---- q3: a flow goes back


def pull_back(shift, centres, times, y) -> list[Tensor]:
    """The right answer to q3."""
    return _back(shift, centres, times, y)


def _back(shift, centres, times, y, *, backwards=True, sign=-1, euler=False, every=0):
    slope = torch.zeros_like(y)
    stages = list(zip(centres, times, strict=True))
    for centre, time in reversed(stages) if backwards else stages:
        moved = (y > centre).to(y)
        slope = slope + time * (1 if every else moved)
        factor = sign * time if euler else torch.expm1(sign * time)
        y = y + factor * torch.relu(y - centre)
    return [y - shift, slope]


def _shift_first(shift, centres, times, y):
    x, slope = _back(shift, centres, times, y - shift)
    return [x + shift, slope]


def _slopes(change):
    """A mistake in the slope alone."""

    def wrong(*arguments):
        x, slope = _back(*arguments)
        return [x, change(slope)]

    return wrong


FLOW_MISTAKES = {
    "The stages are in the wrong order: undo the last one first.": (
        lambda *a: _back(*a, backwards=False)
    ),
    "The sign of the time is wrong: what was stretched must be contracted.": (
        lambda *a: _back(*a, sign=1)
    ),
    "That is an Euler step: the flow of a stage is exactly exp(t) for x > c.": (
        lambda *a: _back(*a, euler=True)
    ),
    "The shift came first on the way there, so it is undone last.": _shift_first,
    "The sign of the shift is wrong: subtract it.": (
        lambda s, c, t, y: _back(-s, c, t, y)
    ),
    "The shift has not been undone.": lambda s, c, t, y: _back(0.0, c, t, y),
    "The sign of the slope is wrong: that of the flow is asked, not of its inverse.": (
        _slopes(lambda slope: -slope)
    ),
    "A stage stretches only what lies to the right of its centre.": (
        lambda *a: _back(*a, every=1)
    ),
    "That is the slope; its logarithm is asked.": _slopes(torch.exp),
}


# ---- q4: how many units?


def choose_width(widths, seen, y_seen, held_out, y_held_out, unseen, y_unseen) -> list:
    """The right answer to q4."""
    held, new = (held_out, y_held_out), (unseen, y_unseen)
    return _choose(widths, (seen, y_seen), held, new)


def _choose(widths, seen, judge, report, measure=None) -> list[float]:
    best = min(widths, key=lambda n: _rms(_misses(n, seen, judge)))
    return [best, (measure or _rms)(_misses(best, seen, report))]


def _misses(n, seen, other) -> Tensor:
    outer = torch.linalg.lstsq(seen[0][:, :n], seen[1][:, None]).solution[:, 0]
    return other[0][:, :n] @ outer - other[1]


def _rms(misses) -> float:
    return misses.square().mean().sqrt().item()


def _pairs(arguments) -> tuple:
    widths, *rest = arguments
    return (widths, *zip(rest[::2], rest[1::2], strict=True))


def _with(judge: int, report: int, measure=None):
    """A choice that judges or reports on another sample: 0 seen, 1 held out, 2 new."""

    def wrong(*arguments):
        widths, *samples = _pairs(arguments)
        return _choose(widths, samples[0], samples[judge], samples[report], measure)

    return wrong


def _pooled_choice(*arguments):
    widths, seen, held, new = _pairs(arguments)
    both = torch.cat([held[0], new[0]]), torch.cat([held[1], new[1]])
    return _choose(widths, seen, both, new)


def _off_by_one(*arguments):
    widths, seen, held, new = _pairs(arguments)
    best = int(_choose(widths, seen, held, new)[0])
    return [best, _rms(_misses(best + 1, seen, new))]


def _any_width(*arguments):
    """All widths, not those of the list alone."""
    _, seen, held, new = _pairs(arguments)
    return _choose(range(1, seen[0].shape[1] + 1), seen, held, new)


def _place_in_list(*arguments):
    """Where the chosen width stands in the list."""
    best, error = choose_width(*arguments)
    return [arguments[0].index(best), error]


def _counted(*arguments):
    """The widths taken for 1, 2, 3, ..."""
    widths, seen, held, new = _pairs(arguments)
    place = int(_place_in_list(*arguments)[0]) + 1
    return [place, _rms(_misses(place, seen, new))]


def _all_units(*arguments):
    widths, seen, held, new = _pairs(arguments)
    best = _choose(widths, seen, held, new)[0]
    return [best, _rms(_misses(seen[0].shape[1], seen, new))]


WIDTH_MISTAKES = {
    "Data leak: the width was chosen on the unseen points.": _with(2, 2),
    "Data leak: the unseen points took part in the choice.": _pooled_choice,
    "The error on the points of the fit falls with every unit: judge on others.": (
        _with(0, 2)
    ),
    "That error is the one by which the width was chosen: it flatters.": _with(1, 1),
    "That is the error on the points of the fit.": _with(1, 0),
    "That is the mean square; the measure is its root.": _with(
        1, 2, lambda misses: _rms(misses) ** 2
    ),
    "That is the largest miss; the measure is the root mean square.": _with(
        1, 2, lambda misses: misses.abs().max().item()
    ),
    "Off by one: width n means the first n units, 0 to n - 1.": _off_by_one,
    "Only a width from the list may be chosen.": _any_width,
    "Return the width itself, not its place in the list.": _place_in_list,
    "The widths of the list need not be 1, 2, 3, ...: its place does not tell the "
    "width.": _counted,
    "Report the network of the chosen width, not the widest one.": _all_units,
}


def _differ(one, other) -> bool:
    """Whether two answers differ by more than the rounding of least squares."""
    return any(abs(a - b) > 1e-4 for a, b in zip(one, other, strict=True))


def _width_case(draw: Draw, name: str, n_units: int = 9, m: int = 18) -> tuple:
    """Units and targets that tell all mistakes apart."""
    for attempt in range(2000):
        label = f"{name} {attempt}"
        outer = draw.tensor(f"{label} c", n_units) * 0.75 ** torch.arange(n_units)
        samples = []
        for which in ("seen", "held out", "unseen"):
            units = draw.tensor(f"{label} {which}", m, n_units)
            errors = draw.tensor(f"{label} {which} e", m, low=-0.7, high=0.7)
            samples += [units, (units @ outer + errors).round(decimals=4)]
        widths = 1 + torch.randperm(n_units - 1, generator=draw.generator(label))
        missing = choose_width(widths.tolist(), *samples)[0]  # the best is not for sale
        case = ([n for n in widths.tolist() if n != missing], *samples)
        right, found = choose_width(*case), []
        for wrong in WIDTH_MISTAKES.values():
            found.append(wrong(*case))
            if not _differ(found[-1], right):
                break
        else:
            if _differ(found[0], found[1]):
                return case
    raise RuntimeError("no sample shows every mistake")


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""

    def uneven(name: str, m: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """An increasing, uneven grid with both ends."""
        gaps = draw.tensor(name, m - 1, low=0.3, high=1.5).cumsum(0)
        places = torch.cat([torch.zeros(1).to(gaps), gaps]) / gaps[-1]
        return (low + (high - low) * places).round(decimals=5)

    def polygon(name: str, n: int, low: float = 0.0, high: float = 1.0) -> tuple:
        values = draw.tensor(f"{name} values", n + 1, low=0.2, high=2)
        return uneven(f"{name} knots", n + 1, low, high), values

    def bent(name: str, m: int, n: int, low: float = 0.0, high: float = 1.0) -> tuple:
        sizes = draw.tensor(f"{name} sizes", m, low=0.1, high=9)
        flips = draw.tensor(f"{name} flips", m).sign()
        flips[:2] = torch.tensor([1, -1]).to(flips)
        return uneven(f"{name} grid", m, low, high), sizes * flips, n

    def stages(name: str, n: int, *shape: int) -> tuple:
        return (
            draw.number(f"{name} shift", 0.2, 0.9),
            draw.tensor(f"{name} centres", n),
            draw.tensor(f"{name} times", n, low=-0.8, high=0.8),
            draw.tensor(f"{name} y", *shape, low=-1.5, high=2),
        )

    flow = (given["shift"], given["centres"], given["times"])
    n = draw.whole("n", 5, 9)
    left, right = draw.number("left", -2, -0.5, 2), draw.number("right", 0.5, 2, 2)
    return [
        Question(
            "q1",
            "bounded_network",
            bounded_network,
            polygon("q1 example", 3),
            (
                Check("other knots", 3, (polygon("1a", n),)),
                Check("another interval", 3, (polygon("1b", n + 4, left, right),)),
            ),
            NETWORK_MISTAKES,
        ),
        Question(
            "q2",
            "good_knots",
            good_knots,
            bent("q2 example", 6, 4),
            (
                Check("another target, a finer grid", 3, (bent("2a", 40, n),)),
                Check("another interval", 3, (bent("2b", 25, n + 5, left, right),)),
            ),
            KNOT_MISTAKES,
        ),
        Question(
            "q3",
            "pull_back",
            pull_back,
            (*flow, draw.tensor("q3 example", 4, low=-1.5, high=1.5)),
            (
                Check(
                    "your flow, other points",
                    2,
                    ((*flow, draw.tensor("3a", 12, low=-2, high=2)),),
                ),
                Check("many stages in any order", 2, (stages("3b", n + 3, 15),)),
                Check("points of any shape", 2, (stages("3c", n, 4, 5),)),
            ),
            FLOW_MISTAKES,
        ),
        Question(
            "q4",
            "choose_width",
            choose_width,
            _width_case(draw, "q4 example", 5, 7),
            (
                Check(
                    "other units and samples",
                    4,
                    tuple(_width_case(draw, f"4{i}") for i in "abc"),
                ),
            ),
            WIDTH_MISTAKES,
        ),
    ]
