"""The grader of "Knots and flows"."""

from proofs import grader

NETWORK = """
def bounded_network(knots, values):
    n = len(knots) - 1
    slopes = [(values[i + 1] - values[i]) / {distance} for i in range(n)]
    before = [0.0] + {before}
    outer = [s - b for s, b in zip(slopes + [{after}], before)]
    return [{offset}, {result}]
"""
GOOD_NETWORK = {"distance": "(knots[i + 1] - knots[i])", "before": "slopes"} | {
    "after": "0.0",
    "offset": "values[0]",
    "result": "torch.tensor(outer)",
}
SOLVED = """
def bounded_network(knots, values):
    points = torch.cat([knots, knots[-1:] + 1])
    heights = torch.cat([values, values[-1:]])
    units = torch.relu(points[1:, None] - knots)
    return values[0], torch.linalg.solve(units, heights[1:] - values[0])
"""
KNOTS = """
import numpy as np
def good_knots(grid, curvature, n):
    x, c = grid.numpy(), curvature.numpy()
    density = {density}
    integral = np.zeros(len(x))
    for i in range(1, len(x)):
        integral[i] = integral[i - 1] + {height} * {width}
    shares = np.linspace(0, 1, {count})
    return {result}
"""
GOOD_KNOTS = {"density": "np.sqrt(np.abs(c))", "count": "n + 1"} | {
    "height": "(density[i] + density[i - 1]) / 2",
    "width": "(x[i] - x[i - 1])",
    "result": "np.interp(shares * integral[-1], integral, x)",
}
BACK = """
def pull_back(shift, centres, times, y):
    x, slope = y{first}, torch.zeros_like(y)
    for i in {order}:
        right = (x > centres[i]).double()
        slope = slope {plus} times[i] * {who}
        x = x + right * ({factor} - 1) * (x - centres[i])
    return [x{last}, {result}]
"""
GOOD_BACK = {"first": "", "order": "reversed(range(len(times)))", "plus": "+"} | {
    "who": "right",
    "factor": "math.exp(-times[i])",
    "last": " - shift",
    "result": "slope",
}
BISECTED = """
def pull_back(shift, centres, times, y):
    def forth(x):
        x, slope = x + shift, torch.zeros_like(x)
        for c, t in zip(centres, times):
            slope = slope + t * (x > c)
            x = x + torch.expm1(t) * torch.relu(x - c)
        return x, slope
    low, high = torch.full_like(y, -1e3), torch.full_like(y, 1e3)
    for _ in range(80):
        middle = (low + high) / 2
        below = forth(middle)[0] < y
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return low, forth(low)[1]
"""
WIDTH = """
def choose_width(widths, seen, y_seen, held_out, y_held_out, unseen, y_unseen):
    def misses(n, units, y):
        A = seen[:, :n]
        outer = torch.linalg.solve(A.T @ A, A.T @ y_seen)
        return units[:, :n] @ outer - y
    def rms(n, units, y):
        return (misses(n, units, y) ** 2).mean().item() ** 0.5
    widths = {widths}
    errors = [rms(n, {judge}) for n in widths]
    place = errors.index(min(errors))
    best = {best}
    return {result}, {report}
"""
GOOD_WIDTH = {"judge": "held_out, y_held_out", "widths": "widths"} | {
    "best": "widths[place]",
    "result": "best",
    "report": "rms(best, unseen, y_unseen)",
}
RIGHT = [("q1", SOLVED), ("q3", BISECTED)]
N, K, B, W = (
    ("q1", NETWORK, GOOD_NETWORK),
    ("q2", KNOTS, GOOD_KNOTS),
    ("q3", BACK, GOOD_BACK),
    ("q4", WIDTH, GOOD_WIDTH),
)
BOTH = "torch.cat([held_out, unseen]), torch.cat([y_held_out, y_unseen])"
WRONG = {
    "equidistant slopes": (
        *N,
        {"distance": "((knots[-1] - knots[0]) / n)"},
        "not equidistant",
    ),
    "no distance": (*N, {"distance": "1"}, "over a distance"),
    "slopes for bends": (
        *N,
        {"before": "[0.0] * (n - 1) + slopes[-1:]"},
        "change of slope",
    ),
    "sign of the bends": (*N, {"result": "-torch.tensor(outer)"}, "later slope minus"),
    "not flat": (*N, {"after": "slopes[-1]"}, "is not flat"),
    "sign of the last unit": (*N, {"after": "2 * slopes[-1]"}, "last unit"),
    "a knot late": (*N, {"result": "torch.tensor(outer[-1:] + outer[:-1])"}, "Off by"),
    "no first slope": (*N, {"result": "torch.tensor([0.0] + outer[1:])"}, "first unit"),
    "from zero": (*N, {"offset": "0.0"}, "first value"),
    "a unit too few": (
        *N,
        {"result": "torch.tensor(outer[:-1])"},
        "One unit is missing",
    ),
    "equidistant": (*K, {"density": "1 + 0 * c"}, "equidistant"),
    "no root": (*K, {"density": "np.abs(c)"}, "root is missing"),
    "power of the mean square": (*K, {"density": "np.abs(c) ** 0.4"}, "mean square"),
    "wrong way round": (*K, {"density": "np.abs(c) ** -0.5"}, "wrong way round"),
    "sign of the curvature": (
        *K,
        {"density": "np.sqrt(np.maximum(c, 0)) + 1e-300"},
        "downwards",
    ),
    "left heights": (*K, {"height": "density[i - 1]"}, "left heights"),
    "scaling of the widths": (*K, {"width": "1"}, "uneven"),
    "a knot too few": (*K, {"count": "n"}, "Off by one"),
    "not inverted": (
        *K,
        {
            "result": "x[0] + (x[-1] - x[0]) / integral[-1]"
            " * np.interp(x[0] + shares * (x[-1] - x[0]), x, integral)"
        },
        "inverse function",
    ),
    "wrong order of stages": (*B, {"order": "range(len(times))"}, "wrong order"),
    "sign of the time": (*B, {"factor": "math.exp(times[i])"}, "sign of the time"),
    "Euler": (*B, {"factor": "(1 - times[i])"}, "Euler"),
    "shift first": (*B, {"first": " - shift", "last": ""}, "undone last"),
    "sign of the shift": (*B, {"last": " + shift"}, "subtract it"),
    "no shift": (*B, {"last": ""}, "not been undone"),
    "sign of the slope": (*B, {"plus": "-"}, "sign of the slope"),
    "all points": (*B, {"who": "1"}, "right of its centre"),
    "no logarithm": (*B, {"result": "slope.exp()"}, "logarithm"),
    "data leak": (*W, {"judge": "unseen, y_unseen"}, "leak: the width"),
    "pooled": (*W, {"judge": BOTH}, "took part"),
    "judged on the fit": (*W, {"judge": "seen, y_seen"}, "falls with every unit"),
    "reports the choice": (*W, {"report": "min(errors)"}, "flatters"),
    "reports the fit": (*W, {"report": "rms(best, seen, y_seen)"}, "points of the fit"),
    "mean square": (*W, {"report": "rms(best, unseen, y_unseen) ** 2"}, "its root"),
    "largest": (
        *W,
        {"report": "misses(best, unseen, y_unseen).abs().max()"},
        "largest miss",
    ),
    "a unit too many": (*W, {"report": "rms(best + 1, unseen, y_unseen)"}, "Off by"),
    "every width": (*W, {"widths": "range(1, seen.shape[1] + 1)"}, "from the list"),
    "place in the list": (*W, {"result": "place"}, "not its place"),
    "place for width": (*W, {"best": "place + 1"}, "does not tell"),
    "widest": (
        *W,
        {"report": "rms(seen.shape[1], unseen, y_unseen)"},
        "not the widest",
    ),
}

TestGrader = grader("universal_approximation", RIGHT, WRONG)
