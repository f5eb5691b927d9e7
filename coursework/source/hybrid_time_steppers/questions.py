"""Jumps, gaps and corrections: the questions on "Hybrid time-steppers"."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from coursework.question import Check, Code, Question
from coursework.scoring import agree, plain
from coursework.variants import Draw

ROTATION = (
    "lambda t, x: torch.stack([x[..., 0] * math.cos({w} * t)"
    " + x[..., 1] * math.sin({w} * t) / {w}, x[..., 1] * math.cos({w} * t)"
    " - {w} * x[..., 0] * math.sin({w} * t)], dim=-1)"
)
HEUN = (
    "torch.stack([x[..., 0] + {h} * x[..., 1] - {h}**2 / 2 * {w}**2 * x[..., 0],"
    " x[..., 1] - {h} * {w}**2 * (x[..., 0] + {h} / 2 * x[..., 1])], dim=-1)"
)


def parameters(draw: Draw) -> dict[str, object]:
    """What differs between cohorts and is visible to students."""
    omega, h = draw.number("omega", 0.7, 1.6, 2), draw.number("h", 0.05, 0.09, 3)
    m = draw.whole("m", 10, 16)
    return {
        "omega": omega,
        "h": h,
        "m": m,
        "flow": Code(ROTATION.format(w=omega)),
        "heun": Code("lambda h, x: " + HEUN.format(w=omega, h="h")),
        "network": _learned(draw, omega, m * h),
    }


def _learned(draw: Draw, omega: float, time: float) -> Code:
    """The flow map of the oscillator with an error of its own, as a network has it."""
    c, s = math.cos(omega * time), math.sin(omega * time)
    rotation = torch.tensor([[c, s / omega], [-omega * s, c]], dtype=torch.float64)
    error = draw.tensor("network A", 2, 2, low=-4e-4, high=4e-4)
    matrix = (rotation + error).round(decimals=6).tolist()
    shift = draw.tensor("network b", 2, low=-5e-4, high=5e-4).tolist()
    return Code(
        f"lambda x: x @ torch.tensor({matrix}, dtype=x.dtype).T"
        f" + torch.tensor({shift}, dtype=x.dtype)"
    )


def _map(draw: Draw, name: str, d: int, size: float, like: str = "") -> Code:
    """A flow map ``x + W tanh(A x + b)``; one that is ``like`` another is near it."""
    near = 0.03 if like else 0.0
    parts = []
    for part, shape, most in (("A", (3, d), 1.2), ("b", (3,), 1.0), ("W", (d, 3), 1.0)):
        values = draw.tensor(f"{like or name} {part}", *shape, low=-most, high=most)
        values = values + near * draw.tensor(f"{name} near {part}", *shape)
        parts.append((values * (size if part == "W" else 1)).round(decimals=4).tolist())
    inner, bias, outer = parts
    return Code(
        f"lambda x: x + torch.tanh(x @ torch.tensor({inner}, dtype=x.dtype).T"
        f" + torch.tensor({bias}, dtype=x.dtype))"
        f" @ torch.tensor({outer}, dtype=x.dtype).T"
    )


# ---- q1: the jumps at the landmarks


def landmark_jumps(network, step, x0, n_landmarks, m) -> Tensor:
    """The right answer to q1."""
    landmarks, ends = _ends(network, step, x0, n_landmarks, m)
    return (landmarks[..., 1:, :] - ends).norm(dim=-1)


def _rollout(flow, x0, n) -> Tensor:
    states = [x0]
    for _ in range(n):
        states.append(flow(states[-1]))
    return torch.stack(states, dim=-2)


def _ends(network, step, x0, n_landmarks, m) -> tuple[Tensor, Tensor]:
    """The landmarks, and where the steps lead that start at all but the last."""
    landmarks = _rollout(network, x0, n_landmarks)
    ends = landmarks[..., :-1, :]
    for _ in range(m):
        ends = step(ends)
    return landmarks, ends


def _serial(network, step, x0, n_landmarks, m):
    walk = _rollout(step, x0, n_landmarks * m)[..., m::m, :]
    return (_rollout(network, x0, n_landmarks)[..., 1:, :] - walk).norm(dim=-1)


def _last_walked(network, step, x0, n_landmarks, m):
    landmarks, ends = _ends(network, step, x0, n_landmarks, m - 1)
    return (landmarks[..., :-1, :] - ends).norm(dim=-1)


def _with_start(*arguments):
    jumps = landmark_jumps(*arguments)
    return torch.cat([torch.zeros_like(jumps[..., :1]), jumps], dim=-1)


def _by_components(network, step, x0, n_landmarks, m):
    landmarks, ends = _ends(network, step, x0, n_landmarks, m)
    return (landmarks[..., 1:, :] - ends).abs().amax(dim=-1)


JUMP_MISTAKES = {
    "Off by one: that is the last state of the walk; one step more is needed.": (
        lambda f, g, x, n, m: landmark_jumps(f, g, x, n, m - 1)
    ),
    "Off by one: the walk is a step too long.": (
        lambda f, g, x, n, m: landmark_jumps(f, g, x, n, m + 1)
    ),
    "Every gap starts from its landmark, not from where the last walk ended.": _serial,
    "Compare with the landmark at the end of the gap, not at its beginning.": (
        _last_walked
    ),
    "There is no jump at the initial state.": _with_start,
    "That is the square of the distance.": lambda *a: landmark_jumps(*a) ** 2,
    "The distance is the norm over the components, not the largest of them.": (
        _by_components
    ),
    "Of the landmarks the last axis counts; it comes behind those of x0.": (
        lambda *a: landmark_jumps(*a).movedim(-1, 0)
    ),
}


# ---- q2: choose the gap


def choose_gap(a, b, c, n, n_steps, gaps, errors, most) -> list[float]:
    """The right answer to q2."""
    return _choose(a, b, c, n, n_steps, gaps, errors, most)


def _choose(
    a, b, c, n, n_steps, gaps, errors, most, *, steps=-1, walk="one call", skip=False
):
    alone = n_steps * (a + b * n)

    def seconds(m: int) -> float:
        overhead = a * n_steps / m if walk == "each" else a
        states = n if walk == "one gap" else n * n_steps / m
        return n_steps / m * c + (m + steps) * (overhead + b * states)

    fit = [m for m, error in zip(gaps, errors, strict=True) if skip or error <= most]
    best = min(fit, key=seconds, default=1)
    if best == 1 or seconds(best) >= alone:
        return [1, 1.0]
    return [best, alone / seconds(best)]


def _gain(a, b, c, n, n_steps, m) -> float:
    """The gain of a given gap."""
    return (
        n_steps * (a + b * n) / (n_steps / m * c + (m - 1) * (a + b * n * n_steps / m))
    )


def _best_by(key):
    def wrong(a, b, c, n, n_steps, gaps, errors, most):
        fit = [(m, e) for m, e in zip(gaps, errors, strict=True) if e <= most]
        if not fit:
            return [1, 1.0]
        m, _ = min(fit, key=key)
        return [m, _gain(a, b, c, n, n_steps, m)]

    return wrong


_most_accurate = _best_by(lambda pair: pair[1])
_longest = _best_by(lambda pair: -pair[0])


def _below(a, b, c, n, n_steps, gaps, errors, most):
    """Only what is better than asked for."""
    return choose_gap(a, b, c, n, n_steps, gaps, errors, math.nextafter(most, 0))


def _fastest_first(a, b, c, n, n_steps, gaps, errors, most):
    """The fastest of all gaps, and only then its error."""
    best, _ = _choose(a, b, c, n, n_steps, gaps, errors, most, skip=True)
    fits = dict(zip(gaps, errors, strict=True)).get(best, math.inf) <= most
    return [best, _gain(a, b, c, n, n_steps, best)] if fits else [1, 1.0]


def _sorted_gaps(a, b, c, n, n_steps, gaps, errors, most):
    """The errors no longer beside their gaps."""
    return choose_gap(a, b, c, n, n_steps, sorted(gaps), errors, most)


def _never_alone(a, b, c, n, n_steps, gaps, errors, most):
    fit = [m for m, e in zip(gaps, errors, strict=True) if e <= most]
    gains = {m: _gain(a, b, c, n, n_steps, m) for m in fit}
    best = max(gains, key=gains.__getitem__, default=1)
    return [best, gains.get(best, 1.0)]


def _inverted(*arguments):
    best, gain = choose_gap(*arguments)
    return [best, 1 / gain]


def _formula(a, b, c, n, n_steps, gaps, errors, most):
    wanted = math.sqrt(n_steps * c / a)
    fit = [m for m, e in zip(gaps, errors, strict=True) if e <= most]
    best = min(fit, key=lambda m: abs(m - wanted), default=1)
    if best == 1 or (gain := _gain(a, b, c, n, n_steps, best)) <= 1:
        return [1, 1.0]
    return [best, gain]


GAP_MISTAKES = {
    "The error that the forecast may have was not heeded.": (
        lambda *x: _choose(*x, skip=True)
    ),
    "First the gaps that are accurate enough, then the fastest of these: the fastest "
    "of all may be too inaccurate where another one is not.": _fastest_first,
    "A gap fits whose error is at most the given one, so also one that equals it.": (
        _below
    ),
    "The gaps may come in any order: keep each beside its error.": _sorted_gaps,
    "Take the fastest of the gaps that are accurate enough, not the most accurate.": (
        _most_accurate
    ),
    "The longest gap that is accurate enough need not be the fastest.": _longest,
    "Off by one: the last step of a gap is not taken, so its walk has m - 1 calls.": (
        lambda *x: _choose(*x, steps=0)
    ),
    "A call of the walk carries the states of all gaps at once.": (
        lambda *x: _choose(*x, walk="one gap")
    ),
    "A call of the walk pays the overhead a once, not once for each gap.": (
        lambda *x: _choose(*x, walk="each")
    ),
    "Where no hybrid is faster, the classical method alone is the answer.": (
        _never_alone
    ),
    "That is how many times as slow: the gain is its inverse.": _inverted,
    "sqrt(N c / a) leaves out the work per state; compare the times themselves.": (
        _formula
    ),
}


def _gap_case(draw: Draw, name: str, wins: bool = True) -> tuple:
    """Times and errors that tell all mistakes about the choice apart."""
    for attempt in range(10000):
        label = f"{name} {attempt}"
        a = draw.number(f"{label} a", 1e-4, 4e-4, 6)
        b = draw.number(f"{label} b", 3e-7, 1.5e-6, 9)
        c = draw.number(f"{label} c", 2e-4, 1e-3, 6) * (1 if wins else 60)
        n = draw.whole(f"{label} n", 100, 600)
        n_steps = 960 if "example" in name else draw.choice(label, (768, 1152, 1920))
        gaps = [4, 8, 16, 32, 64, 96]
        order = torch.randperm(6, generator=draw.generator(f"{label} order"))
        gaps = [gaps[i] for i in order.tolist()]
        errors = [draw.number(f"{label} e{m}", 1, 9, 2) * 1e-5 for m in gaps]
        case = (a, b, c, n, n_steps, gaps, [float(f"{e:.3g}") for e in errors], 6e-5)
        right = choose_gap(*case)
        if not wins:
            if right == [1, 1.0] != _never_alone(*case):
                return case
            continue
        elsewhere = (_never_alone, _below)  # see the cases at the bounds
        wrong = {k: v for k, v in GAP_MISTAKES.items() if v not in elsewhere}
        # The classical method alone must not look like a wrong cost.
        costs = [f for k, f in wrong.items() if f is not _fastest_first]
        if [1, 1.0] in [f(*case) for f in costs]:
            continue
        chosen = {f(*case)[0] for f in (_most_accurate, _longest, _formula)}
        if right[1] > 1.2 and len(chosen) == 3 and _all_differ(choose_gap, wrong, case):
            return case
    raise RuntimeError("no sample shows every mistake")


def _at_the_bound(draw: Draw, name: str, share: float) -> tuple:
    """A case whose fastest gap has just the error that is allowed, or a share of it."""
    a, b, c, n, n_steps, gaps, errors, _ = _gap_case(draw, name)
    most = 2.0**-14  # the same number in every precision
    best = choose_gap(a, b, c, n, n_steps, gaps, errors, math.inf)[0]
    errors = [
        share * most if m == best else e for m, e in zip(gaps, errors, strict=True)
    ]
    return a, b, c, n, n_steps, gaps, errors, most


# ---- q3: corrections until nothing moves


def parareal_until(fine, coarse, x0, n_landmarks, tolerance) -> list:
    """The right answer to q3."""
    return _parareal(fine, coarse, x0, n_landmarks, tolerance)


def _corrected(fine, coarse, last, *, sign=1, old=False, serial=False):
    """The landmarks after a correction, and by how much the maps disagreed."""
    gaps = sign * (fine(last[..., :-1, :]) - coarse(last[..., :-1, :]))
    states = [last[..., 0, :]]
    for i in range(gaps.shape[-2]):
        start = last[..., i, :] if old else states[-1]
        states.append(fine(start) if serial else coarse(start) + gaps[..., i, :])
    return torch.stack(states, dim=-2), gaps


def _parareal(
    fine,
    coarse,
    x0,
    n,
    tolerance,
    *,
    stop=torch.amax,
    far=torch.linalg.vector_norm,
    gap=False,
    back=0,
    within=torch.le,
    part=lambda moved: moved,
    more=0,
    **options,
):
    history = [_rollout(coarse, x0, n)]
    limit = torch.tensor(tolerance, dtype=x0.dtype)
    for _ in range(n + more):
        found, gaps = _corrected(fine, coarse, history[-1], **options)
        moved = gaps if gap else found - history[-1]
        history.append(found)
        if within(stop(part(far(moved, dim=-1))), limit):
            break
    k = len(history) - 1
    return [history[k - back], k]


def _counts_first(*arguments):
    landmarks, k = parareal_until(*arguments)
    return [landmarks, k + 1]


PARAREAL_MISTAKES = {
    "Too many corrections: it never stops before the last landmark is exact.": (
        lambda f, c, x, n, limit: _parareal(f, c, x, n, -1.0)
    ),
    "The sign is wrong: add the fine result, subtract the old coarse one.": (
        lambda *a: _parareal(*a, sign=-1)
    ),
    "The coarse step must start from the new landmark: from the old one it cancels, "
    "and only the fine step is left.": lambda *a: _parareal(*a, old=True),
    "The fine map must be applied to the old landmarks; from the new ones it walks "
    "in a row, and nothing is parallel.": lambda *a: _parareal(*a, serial=True),
    "Off by one: return the landmarks after the last correction, not before it.": (
        lambda *a: _parareal(*a, back=1)
    ),
    "Off by one: the first pass of the coarse map is no correction.": _counts_first,
    "Stop when no landmark moves any more: that fine and coarse map disagree never "
    "ends.": lambda *a: _parareal(*a, gap=True),
    "It stops where nothing moves by more than the tolerance: also where it is just "
    "reached.": lambda *a: _parareal(*a, within=torch.lt),
    "Too many corrections: there are at most as many as landmarks.": (
        lambda *a: _parareal(*a, more=100)
    ),
    "The distance is the norm over the components, not the largest of them.": (
        lambda *a: _parareal(*a, far=_largest)
    ),
    "The distance is the root of the sum of squares, not the sum of the components.": (
        lambda *a: _parareal(*a, far=_summed)
    ),
    "All landmarks count, not the last one alone.": (
        lambda *a: _parareal(*a, part=lambda moved: moved[..., -1])
    ),
    "All trajectories count, not the first one alone.": (
        lambda *a: _parareal(*a, part=lambda moved: moved[:1])
    ),
    "The landmark that moves most decides, not the average.": (
        lambda *a: _parareal(*a, stop=torch.mean)
    ),
}


def _largest(x: Tensor, dim: int) -> Tensor:
    return x.abs().amax(dim)


def _summed(x: Tensor, dim: int) -> Tensor:
    return x.abs().sum(dim)


def _still_case(draw: Draw, name: str, n: int, n_landmarks: int, d: int) -> tuple:
    """Two shifts, exact in every precision: the second correction moves nothing."""
    fine, coarse = (
        [draw.whole(f"{name} {which} {i}", 1, 31) / 32 for i in range(d)]
        for which in ("fine", "coarse")
    )
    maps = (
        Code(f"lambda x: x + torch.tensor({v}, dtype=x.dtype)") for v in (fine, coarse)
    )
    x0 = (32 * draw.tensor(f"{name} x0", n, d)).round() / 32
    return *maps, x0, n_landmarks, 0.0


def _fading_case(draw: Draw, name: str, d: int) -> tuple:
    """Early landmarks move most, and not those of the first trajectory."""
    for attempt in range(1000):
        label = f"{name} {attempt}"
        rate = draw.number(f"{label} rate", 0.5, 0.7)
        maps = [Code(f"lambda x: {rate - less:.3f} * x") for less in (0.0, 0.2)]
        x0 = draw.tensor(f"{label} x0", 3, d)
        before = _rollout(maps[1], x0, 6)
        moves = (_corrected(maps[0], maps[1], before)[0] - before).norm(dim=-1)
        parts = (moves[0].max(), moves[:, -1].max(), moves.mean(0).max())
        if max(parts) < 0.7 * moves.max():
            return *maps, x0, 6, float(f"{0.85 * moves.max():.3g}")
    raise RuntimeError("no sample shows every mistake")


def _never_still(draw: Draw, name: str) -> tuple:
    """Maps far from each other, and few landmarks: all corrections are needed."""
    fine, coarse = (
        _map(draw, f"{name} fine", 2, 0.4),
        _map(draw, f"{name} coarse", 2, 0.3),
    )
    return fine, coarse, draw.tensor(f"{name} x0", 2, 2), 3, 0.0


def _parareal_cases(draw: Draw, name: str, n: int, n_landmarks: int, d: int = 2):
    """Maps with a tolerance that tells mistakes apart, and with one soon reached.

    Distances are just below the latter, sums of components above it. A third one tells
    the largest component from the average.
    """
    elsewhere = (
        "It stops where",
        "Too many corrections: there",
        "The distance is the r",
        "All landmarks",
        "All trajectories",
    )
    mistakes = {
        k: v for k, v in PARAREAL_MISTAKES.items() if not k.startswith(elsewhere)
    }
    for attempt in range(1000):
        label = f"{name} {attempt}"
        fine = _map(draw, f"{label} fine", d, 0.35)
        coarse = _map(draw, f"{label} coarse", d, 0.35, like=f"{label} fine")
        x0 = draw.tensor(f"{label} x0", n, d)
        history = [_rollout(coarse, x0, n_landmarks)]
        for _ in range(3):
            history.append(_corrected(fine, coarse, history[-1])[0])
        moves = [(b - a).norm(dim=-1).amax() for a, b in pairwise(history)]
        tolerance, loose = (float(f"{m:.3g}") for m in (0.8 * moves[1], 1.1 * moves[0]))
        case = (fine, coarse, x0, n_landmarks, tolerance)
        soon = (*case[:-1], loose)
        if moves[2] >= 0.5 * tolerance:
            continue
        step = history[2] - history[1]
        tight = (*case[:-1], float(f"{0.9 * step.abs().amax():.3g}"))
        sums = _parareal(*soon, far=_summed)[1] != parareal_until(*soon)[1]
        mean = (
            _parareal(*tight, stop=torch.mean)[1] != _parareal(*tight, far=_largest)[1]
        )
        if sums and mean and _all_differ(parareal_until, mistakes, case):
            return case, soon, tight
    raise RuntimeError("no sample shows every mistake")


def _all_differ(right, mistakes, case) -> bool:
    truth = plain(right(*case))
    return not any(agree(plain(w(*case)), truth, 1e-5) for w in mistakes.values())


# ---- q4: at equal error


def gain_at_equal_error(errors, seconds, network_error, network_seconds) -> float:
    """The right answer to q4."""
    return _gain_at(errors, seconds, network_error, network_seconds)


def _gain_at(errors, seconds, error, other, *, x=math.log, y=math.log, back=math.exp):
    (e0, s0), (e1, s1) = _neighbours(errors, seconds, error)
    share = (x(error) - x(e0)) / (x(e1) - x(e0))
    return back(y(s0) + share * (y(s1) - y(s0))) / other


def _neighbours(errors, seconds, error):
    """The settings just above and just below an error, as (error, seconds)."""
    rows = sorted(zip(errors.tolist(), seconds.tolist(), strict=True), reverse=True)
    return next((p, q) for p, q in pairwise(rows) if q[0] <= error <= p[0])


def _at_neighbour(which):
    def wrong(errors, seconds, error, other):
        rows = _neighbours(errors, seconds, error)
        return min(rows, key=lambda row: which(row[0], error))[1] / other

    return wrong


def _through_ends(errors, seconds, error, other):
    rows = sorted(zip(errors.tolist(), seconds.tolist(), strict=True), reverse=True)
    (e0, s0), (e1, s1) = rows[0], rows[-1]
    share = math.log(error / e0) / math.log(e1 / e0)
    return s0 * (s1 / s0) ** share / other


def _nearest(errors, seconds, error, other):
    """A line through the two settings whose errors are nearest."""
    order = (errors.log() - math.log(error)).abs().argsort()[:2].tolist()
    (e0, e1), (s0, s1) = errors[order].tolist(), seconds[order].tolist()
    return s0 * (s1 / s0) ** (math.log(error / e0) / math.log(e1 / e0)) / other


def _same(value: float) -> float:
    return value


EQUAL_MISTAKES = {
    "That is how many times as slow: the gain is its inverse.": (
        lambda *a: 1 / gain_at_equal_error(*a)
    ),
    "The line is straight in the logarithms, not in the numbers themselves.": (
        lambda *a: _gain_at(*a, x=_same, y=_same, back=_same)
    ),
    "Take the logarithm of the seconds, too.": (
        lambda *a: _gain_at(*a, y=_same, back=_same)
    ),
    "Take the logarithm of the errors, too.": lambda *a: _gain_at(*a, x=_same),
    "That is not at equal error: the next more accurate setting is slower than "
    "need be, and flatters the network.": _at_neighbour(lambda e, error: e),
    "That is not at equal error: the next less accurate setting is worse than the "
    "network.": _at_neighbour(lambda e, error: -e),
    "One setting of larger error and one of smaller: the two nearest may lie on the "
    "same side.": _nearest,
    "Use the two settings next to the error, not the first and the last.": (
        _through_ends
    ),
}


def _race(draw: Draw, name: str, n: int, nearer: float, crowd: bool = False) -> tuple:
    """Settings of a classical method in any order, and a network between two.

    In a crowd the two settings with the nearest errors are both more accurate, and the
    network lies next to the end of the line.
    """
    slope = draw.number(f"{name} slope", 3.5, 8.5)
    steps = [0.64 / 2**k for k in range(n)]
    errors = [
        0.03 * h**slope * (1 + draw.number(f"{name} e{h}", 0, 0.5)) for h in steps
    ]
    seconds = [0.004 / h * (1 + draw.number(f"{name} s{h}", 0, 0.3)) for h in steps]
    k = draw.whole(f"{name} k", 1, n - 3)
    if crowd:
        k, n = 0, n + 1
        errors.insert(2, 0.9 * errors[1])
        seconds.insert(2, 0.8 * seconds[1])  # better, and faster
    order = torch.randperm(n, generator=draw.generator(f"{name} order")).tolist()
    error = errors[k] ** (1 - nearer) * errors[k + 1] ** nearer

    def short(values: list[float]) -> Tensor:
        rounded = [float(f"{values[i]:.4g}") for i in order]
        return torch.tensor(rounded, dtype=torch.float64)

    other = draw.number(f"{name} other", 0.002, 0.02, 5)
    return short(errors), short(seconds), float(f"{error:.4g}"), other


def questions(draw: Draw, given: dict) -> list[Question]:
    """The graded questions of one cohort."""
    network, h, m = given["network"], given["h"], given["m"]
    heun = Code("lambda x: " + HEUN.format(w=given["omega"], h=h))

    def jumps(name: str, n_landmarks: int, gap: int, *shape: int) -> tuple:
        d = shape[-1]
        maps = _map(draw, f"{name} long", d, 0.9), _map(draw, f"{name} short", d, 0.1)
        return *maps, draw.tensor(f"{name} x0", *shape), n_landmarks, gap

    return [
        Question(
            "q1",
            "landmark_jumps",
            landmark_jumps,
            (network, heun, draw.tensor("q1 example", 2), 4, m),
            (
                Check("other maps, another gap", 2, (jumps("1a", 5, m - 6, 2),)),
                Check(
                    "a batch of states, dimension three",
                    2,
                    (jumps("1b", 3, m - 4, 4, 2, 3),),
                ),
            ),
            JUMP_MISTAKES,
        ),
        Question(
            "q2",
            "choose_gap",
            choose_gap,
            _gap_case(draw, "q2 example"),
            (
                Check(
                    "other times and errors",
                    3,
                    (
                        *(_gap_case(draw, f"2{i}") for i in "abc"),
                        _at_the_bound(draw, "2g", 1.0),
                    ),
                ),
                Check(
                    "where no hybrid is faster",
                    1,
                    (
                        _gap_case(draw, "2d"),
                        _gap_case(draw, "2e", wins=False),
                        (*_gap_case(draw, "2f")[:-1], 1e-6),
                        _at_the_bound(draw, "2h", 0.5),
                    ),
                ),
            ),
            GAP_MISTAKES,
        ),
        Question(
            "q3",
            "parareal_until",
            parareal_until,
            _parareal_cases(draw, "q3 example", 1, 5)[0],
            (
                Check(
                    "other maps, also far from each other",
                    3,
                    (*_parareal_cases(draw, "3a", 1, 9), _never_still(draw, "3c")),
                ),
                Check(
                    "many trajectories, dimension three, also tolerance zero",
                    3,
                    (
                        *_parareal_cases(draw, "3b", 4, 8, 3),
                        _still_case(draw, "3d", 3, 6, 3),
                        _fading_case(draw, "3e", 3),
                    ),
                ),
            ),
            PARAREAL_MISTAKES,
        ),
        Question(
            "q4",
            "gain_at_equal_error",
            gain_at_equal_error,
            _race(draw, "q4 example", 4, 0.35),
            (
                Check("another race", 2, (_race(draw, "4a", 6, 0.4),)),
                Check(
                    "a third, and uneven settings",
                    2,
                    (
                        _race(draw, "4b", 7, 0.65),
                        _race(draw, "4c", 5, 0.75, crowd=True),
                    ),
                ),
            ),
            EQUAL_MISTAKES,
        ),
    ]
