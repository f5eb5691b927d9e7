"""The grader of "Landmarks and leaks"."""

from proofs import grader

FORECAST = """
def forecast(flows, x0, n_steps):
    states = [x0]
    for i in range(1, n_steps + 1):
        x, left = x0, i
        for level in {levels}:
            for _ in range(left // level):
                x = flows[level](x)
            left = left % level
        states.append(x)
    return {result}
"""
GOOD_FORECAST = {
    "levels": "sorted(flows, reverse=True)",
    "result": "torch.stack(states, dim=-2)",
}
LISTED = """
def forecast(flows, x0, n_steps):
    states = [x0] + n_steps * [None]
    for level in {levels}:
        for i in range(level, n_steps + 1, level):
            if states[i] is None:
                states[i] = flows[level](states[i - level])
    return torch.stack(states, dim=-2)
"""
OVERWRITTEN = """
def forecast(flows, x0, n_steps):
    states = [x0]
    for i in range(1, n_steps + 1):
        level = max(k for k in flows if i % k == 0)
        states.append(flows[level](states[i - level]))
    for i in range(max(flows), n_steps + 1, max(flows)):
        states[i] = flows[min(flows)](states[i - 1])
    return torch.stack(states, dim=-2)
"""
FLOOR = """
def straight_line_floor(truth, substeps):
    lines = truth.clone()
    for i in range(truth.shape[-2] - 1):
        a, b = i - i % substeps, i - i % substeps + substeps
        s = {share}
        lines[..., i, :] = (1 - s) * truth[..., a, :] + s * truth[..., b, :]
    error = (lines - truth)[..., {first}:, :] ** 2
    return {result}
"""
GOOD_FLOOR = {"share": "i % substeps / substeps", "first": "1"} | {
    "result": "error.mean()"
}
CHOICE = """
def choose_and_report(validation, validation_truth, test, test_truth):
    def mse(forecast, truth):
        return ((forecast - truth)[:, 1:] ** 2).mean().item()
    errors = [{error} for f in {forecasts}]
    best = errors.index({pick}(errors))
    return [best + {off}, {report}]
"""
GOOD_CHOICE = {"error": "mse(f, validation_truth)", "forecasts": "validation"} | {
    "pick": "min",
    "off": "0",
    "report": "mse(test[best], test_truth)",
}
DEFECT = """
def relative_defect(long_flow, short_flow, ratio, x):
    y = x
    for _ in range(ratio + {off}):
        y = short_flow(y)
    z = long_flow(x)
    return {result}
"""
GOOD_DEFECT = {"off": "0", "result": "(z - y).norm(dim=-1) / (z - x).norm(dim=-1)"}
RECURSIVE = """
def relative_defect(long_flow, short_flow, ratio, x):
    def many(y, n):
        return y if n == 0 else many(short_flow(y), n - 1)
    z = long_flow(x)
    return torch.sqrt(((many(x, ratio) - z) ** 2).sum(-1) / ((z - x) ** 2).sum(-1))
"""
ARGMIN = """
import numpy as np
def choose_and_report(validation, validation_truth, test, test_truth):
    def mse(forecasts, truth):
        misses = forecasts[:, :, 1:].numpy() - truth[:, 1:].numpy()
        return np.mean(misses**2, axis=(1, 2, 3))
    best = np.argmin(mse(validation, validation_truth))
    return np.int64(best), mse(test, test_truth)[best]
"""
RIGHT = [("q3", ARGMIN), ("q4", RECURSIVE)]
F, G, C, D = (
    ("q1", FORECAST, GOOD_FORECAST),
    ("q2", FLOOR, GOOD_FLOOR),
    ("q3", CHOICE, GOOD_CHOICE),
    ("q4", DEFECT, GOOD_DEFECT),
)
STACK = "torch.stack(states, dim=-2)"
WRONG = {
    "shortest alone": (*F, {"levels": "[min(flows)]"}, "shortest step alone"),
    "wrong order of levels": (*F, {"levels": "sorted(flows)"}, "shortest step alone"),
    "order of the dictionary": (
        *("q1", LISTED, {"levels": "sorted(flows)[::-1]"}, {"levels": "flows"}),
        "in any order",
    ),
    "skips a level": (*F, {"levels": "[max(flows), min(flows)]"}, "middle level"),
    "no initial state": (*F, {"result": f"{STACK}[..., 1:, :]"}, "Off by one"),
    "time axis": (*F, {"result": "torch.stack(states)"}, "second last"),
    "stops early": (
        *F,
        {"result": f"{STACK}[..., :n_steps // max(flows) * max(flows) + 1, :]"},
        "behind the last landmark",
    ),
    "overwritten": ("q1", OVERWRITTEN, {}, {}, "must not overwrite"),
    "sign of the share": (*G, {"share": "-(i % substeps) / substeps"}, "not right"),
    "root": (*G, {"result": "error.mean() ** 0.5"}, "root"),
    "initial state counts": (*G, {"first": "0"}, "Off by one"),
    "holds": (*G, {"share": "0"}, "held"),
    "sum of components": (*G, {"result": "error.sum(-1).mean()"}, "their sum"),
    "between only": (
        *G,
        {
            "result": "torch.cat([error[..., i - 1 :: substeps, :].flatten()"
            " for i in range(1, substeps)]).mean()"
        },
        "Computed states count",
    ),
    "largest": (*G, {"result": "error.max()"}, "largest"),
    "data leak": (
        *C,
        {"error": "mse(f, test_truth)", "forecasts": "test"},
        "Data leak: the set",
    ),
    "absolute errors": (
        *C,
        {"error": "(f - validation_truth)[:, 1:].abs().mean()"},
        "another measure",
    ),
    "absolute errors reported": (
        *C,
        {
            "error": "(f - validation_truth)[:, 1:].abs().mean()",
            "report": "(test[best] - test_truth)[:, 1:].abs().mean()",
        },
        "for the report as well",
    ),
    "last time": (
        *C,
        {"error": "mse(f[:, -2:], validation_truth[:, -2:])"},
        "another measure",
    ),
    "roots of trajectories": (
        *C,
        {
            "error": "sum(mse(g[None], t[None]) ** 0.5"
            " for g, t in zip(f, validation_truth))"
        },
        "another measure",
    ),
    "roots of states": (
        *C,
        {"error": "(f - validation_truth)[:, 1:].norm(dim=-1).mean()"},
        "another measure",
    ),
    "pooled": (
        *C,
        {
            "error": "mse(f, torch.cat([validation_truth, test_truth]))",
            "forecasts": "torch.cat([validation, test], dim=1)",
            "report": "mse(test[best], test_truth)",
        },
        "Data leak",
    ),
    "reports validation": (*C, {"report": "errors[best]"}, "flatters"),
    "the worst": (*C, {"pick": "max"}, "smallest"),
    "counts from one": (*C, {"off": "1"}, "counted from 0"),
    "root of the error": (*C, {"report": "mse(test[best], test_truth) ** .5"}, "root"),
    "with the initial state": (
        *C,
        {"report": "((test[best] - test_truth) ** 2).mean()"},
        "does not count",
    ),
    "one step too few": (*D, {"off": "-1"}, "too seldom"),
    "one step too many": (*D, {"off": "1"}, "too often"),
    "scaling": (*D, {"result": "(z - y).norm(dim=-1)"}, "distance that the long"),
    "divides by the state": (
        *D,
        {"result": "(z - y).norm(dim=-1) / x.norm(dim=-1)"},
        "not by the size of the state",
    ),
    "divides by the new state": (
        *D,
        {"result": "(z - y).norm(dim=-1) / z.norm(dim=-1)"},
        "the size of the new state",
    ),
    "squared": (
        *D,
        {"result": "((z - y).norm(dim=-1) / (z - x).norm(dim=-1)) ** 2"},
        "square",
    ),
    "sign": (
        *D,
        {"result": "-(z - y).norm(dim=-1) / (z - x).norm(dim=-1)"},
        "sign",
    ),
    "norm of the batch": (*D, {"result": "(z - y).norm() / (z - x).norm()"}, "last"),
}

TestGrader = grader("hierarchical_time_steppers", RIGHT, WRONG)
