"""The grader of "Noise, velocities and limits"."""

from proofs import grader

PAIRS = """
def standardised_pairs(seen, new, stride):
    def pairs(trajectories, k):
        starts = [i for i in range(trajectories.shape[1] - k)]{first}
        x = torch.stack([trajectories[:, i] for i in starts], dim=1)
        y = torch.stack([trajectories[:, i + k] for i in starts], dim=1)
        return x, {increment}
    def constants(values):
        values = values.reshape({rows})
        centred = values - values.sum(0) / len(values)
        variance = (centred**2).sum(0) / (len(values) - {less})
        return values.mean(0), variance ** {power}
    found = [pairs(part, {k}) for part in [{data}]]
    x, moved = (torch.cat([v.flatten(0, 1) for v in part]) for part in zip(*found))
    c, s = constants({states})
    a, b = constants(moved)
    starts = new.shape[1] - stride
    x = new[:, :starts]
    y = new[:, stride:]
    moved = {new_increment}
    return [(x - c) / s, (moved - {a}) / {b}]
"""
GOOD_PAIRS = {"first": "", "increment": "y - x", "rows": "-1, values.shape[-1]"} | {
    "less": "1",
    "power": "0.5",
    "data": "seen",
    "k": "stride",
    "new_increment": "y - x",
    "states": "x",
    "a": "a",
    "b": "b",
}
MAP = """
def corrected_map(x, x_next, sigma):
    gram = torch.zeros(x.shape[1], x.shape[1])
    cross = torch.zeros_like(gram)
    for row, image in zip({x}, {y}):
        gram += torch.outer(row, row) {sign} torch.diag({noise})
        cross += torch.outer(image, row)
    M = cross @ torch.linalg.inv(gram)
    return {result}
"""
GOOD_MAP = {"x": "x", "y": "x_next", "sign": "-", "noise": "sigma * sigma"} | {
    "result": "M"
}
LIFTED = """
def corrected_map(x, x_next, sigma):
    mean_square = x.T.mm(x) / len(x)
    share = torch.linalg.solve(mean_square, torch.diag(sigma**2))
    plain = torch.linalg.lstsq(x, x_next).solution
    return torch.linalg.solve(torch.eye(len(sigma)) - share, plain).T
"""
VELOCITY = """
def field_from_jumps(phi, h, x):
    one = (phi(x) - x) / {h}
    two = (phi(phi(x)) - x) / {h} / 2
    return {sign}({a} * one + {b} * two)
"""
GOOD_VELOCITY = {"h": "h", "sign": "", "a": "2", "b": "-1"}
TRUST = """
def last_trusted(trajectories, forecasts):
    d = forecasts.shape[-1]
    inputs = {inputs}.reshape({rows})
    low, high = inputs.min(0).values, inputs.max(0).values
    flat = forecasts.reshape(-1, forecasts.shape[-2], d)
    found = []
    for states in flat:
        last = {start}
        for i, state in enumerate({states}):
            if not ((state >{closed} low) & (state <{closed} high)).{every}():
                {leave}
            else:
                last = {last}
        found.append(last)
    return torch.tensor(found).reshape(forecasts.shape[:-2])
"""
GOOD_TRUST = {"inputs": "trajectories[:, :-1]", "rows": "-1, d", "every": "all"} | {
    "states": "states[:-1]",
    "leave": "break",
    "last": "i + 1",
    "closed": "=",
    "start": "0",
}
CLIPPED = """
import numpy as np
def last_trusted(trajectories, forecasts):
    inputs = trajectories[:, :-1].numpy().reshape(-1, trajectories.shape[-1])
    states = forecasts[..., :-1, :].numpy()
    outside = (states != states.clip(inputs.min(0), inputs.max(0))).any(-1)
    first = np.where(outside.any(-1), outside.argmax(-1), outside.shape[-1])
    return first.astype(float)
"""
RIGHT = [("q2", LIFTED), ("q4", CLIPPED)]
P, M, V, T = (
    ("q1", PAIRS, GOOD_PAIRS),
    ("q2", MAP, GOOD_MAP),
    ("q3", VELOCITY, GOOD_VELOCITY),
    ("q4", TRUST, GOOD_TRUST),
)
WRONG = {
    "data leak": (*P, {"data": "new"}, "Data leak: the four"),
    "pooled": (*P, {"data": "seen, new"}, "took part"),
    "sign of the increment": (
        *P,
        {"increment": "x - y", "new_increment": "x - y"},
        "The sign is wrong",
    ),
    "wrong stride": (*P, {"k": "1"}, "not one"),
    "first pairs only": (*P, {"first": "[:1]"}, "first of each"),
    "next state": (*P, {"increment": "y", "new_increment": "y"}, "next state"),
    "spread of states": (*P, {"b": "s"}, "own spread"),
    "no mean": (*P, {"a": "0"}, "mean increment"),
    "variance": (*P, {"power": "1"}, "variance"),
    "all components": (*P, {"rows": "-1, 1"}, "constants of its own"),
    "all states": (*P, {"states": "seen.flatten(0, 1)"}, "the input of no pair"),
    "divided by n": (*P, {"less": "0"}, "n - 1"),
    "plain": (*M, {"noise": "0 * sigma"}, "plain least squares"),
    "sign of the noise": (*M, {"sign": "+"}, "The sign is wrong"),
    "scaling by n": (*M, {"noise": "sigma**2 / len(x)"}, "n variances"),
    "not squared": (*M, {"noise": "sigma"}, "square sigma"),
    "twice": (*M, {"noise": "2 * sigma**2"}, "holds it once"),
    "one noise": (*M, {"noise": "(sigma**2).mean() + 0 * sigma"}, "its own noise"),
    "transposed": (*M, {"result": "M.T"}, "transpose"),
    "increment": (*M, {"result": "M - torch.eye(len(M))"}, "identity plus"),
    "backwards": (*M, {"x": "x_next", "y": "x"}, "backwards"),
    "first order": (*V, {"a": "1", "b": "0"}, "order 1"),
    "half way": (*V, {"a": "0", "b": "1"}, "half way"),
    "wrong order of weights": (*V, {"a": "-1", "b": "2"}, "wrong order"),
    "mean": (*V, {"a": ".5", "b": ".5"}, "cancels nothing"),
    "order of the error": (*V, {"a": "4 / 3", "b": "-1 / 3"}, "h^2"),
    "sign of the velocity": (*V, {"sign": "-"}, "The sign is wrong"),
    "scaling by h": (*V, {"h": "1"}, "Scaling"),
    "one too early": (*T, {"last": "i", "states": "states"}, "Off by one"),
    "one too late": (*T, {"states": "states"}, "Off by one"),
    "open box": (*T, {"closed": ""}, "box is closed"),
    "nothing given": (
        *T,
        {"start": "int(((states[0] >= low) & (states[0] <= high)).all()) - 1"},
        "given and trusted",
    ),
    "counts returns": (*T, {"leave": "continue", "last": "last + 1"}, "comes back"),
    "comes back": (*T, {"leave": "continue"}, "wherever they lie"),
    "any component": (*T, {"every": "any"}, "Every component"),
    "last state": (*T, {"inputs": "trajectories"}, "never an input"),
    "initial states": (*T, {"inputs": "trajectories[:, :1]"}, "initial states alone"),
    "one box": (*T, {"rows": "-1, 1"}, "limits of its own"),
    "leak in the box": (*T, {"inputs": "forecasts"}, "Data leak"),
}

TestGrader = grader("flow_map_learning", RIGHT, WRONG)
