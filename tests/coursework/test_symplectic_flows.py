"""The grader of "Which law, and for how long"."""

from proofs import grader

TREND = """
def trend_and_wobble(energies, dt):
    eta = {errors}
    t = {dt} * torch.arange(energies.shape[-1])
    n, s, ss = len(t), t.sum(), (t * t).sum()
    m, tm = eta.sum(-1), (t * eta).sum(-1)
    slope = {slope}
    start = {start}
    rest = {rest}
    return [{sign}slope, {wobble}]
"""
GOOD_TREND = {"errors": "(energies - energies[..., :1]) / energies[..., :1]"} | {
    "dt": "dt",
    "slope": "(n * tm - s * m) / (n * ss - s * s)",
    "start": "(m - slope * s) / n",
    "rest": "eta - start[..., None] - slope[..., None] * t",
    "sign": "",
    "wobble": "rest.abs().max(-1).values",
}
LAW = """
def law(M, h):
    cosine = {trace} / 2
    angle = {angle}
    log = {log}
    S = torch.stack([{rows}])
    return {result}
"""
GOOD_LAW = {"trace": "(M[0, 0] + M[1, 1])", "rows": "-log[1], log[0]"} | {
    "log": "angle / torch.sin(angle) * (M - cosine * torch.eye(2))",
    "angle": "torch.acos(cosine)",
    "result": "S / h",
}
ROOTS = """
def law(M, h):
    # The logarithm by repeated square roots of a matrix of determinant one.
    root, n = M, 0
    while (root - torch.eye(2)).abs().max() > 1e-4:
        root = (root + torch.eye(2)) / (2 + torch.trace(root)).sqrt()
        n += 1
    X = root - torch.eye(2)
    log = 2**n * (X - X @ X / 2 + X @ X @ X / 3)
    return torch.tensor([[0.0, -1.0], [1.0, 0.0]]) @ log / h
"""
SYMMETRIC = """
def symmetric_flow(gradients, t, x):
    d = x.shape[-1] // 2
    def layer(i, time, x, sign):
        q, p = x[..., :d], x[..., d:]
        if i % 2 == {kick}:
            return torch.cat([q, p - sign * {move_q}], -1)
        return torch.cat([q + sign * {move_p}, p], -1)
    def apply(time, x):
        for i in range(len(gradients)):
            x = layer(i, time, x, 1)
        return x
    def undo(time, x):
        for i in {order}:
            x = layer(i, time, x, -1)
        return x
    t = {t}
    return {result}
"""
GOOD_SYMMETRIC = {"kick": "0", "order": "range(len(gradients))[::-1]"} | {
    "move_q": "(gradients[i](time, q) - gradients[i](0.0, q))",
    "move_p": "(gradients[i](time, p) - gradients[i](0.0, p))",
    "t": "t",
    "result": "apply(t / 2, undo(-t / 2, x))",
}
BARE = {
    "move_q": "gradients[i](time, q)",
    "move_p": "gradients[i](time, p)",
}
FRICTION = """
def friction_step(gradient, gamma, h, x):
    d = x.shape[-1] // 2
    q, p = x[..., :d], x[..., d:]
    before, behind = {before}, {behind}
    p = before * p
    q = {q}
    force = {sign}gradient(q)
    p = p + h / 2 * force
    q = q + h * p
    p = p + h / 2 * {second}
    return torch.cat([{q_end}, behind * p], dim=-1)
"""
GOOD_FRICTION = {"before": "math.exp(-gamma * h / 2)", "sign": "-"} | {
    "behind": "math.exp(-gamma * h / 2)",
    "q": "q",
    "second": "-gradient(q)",
    "q_end": "q",
}
POSITIONS = """
def friction_step(gradient, gamma, h, x):
    q, p = x.tensor_split(2, dim=-1)
    s = math.sqrt(math.exp(-gamma * h))
    new_q = q + h * s * p - h**2 / 2 * gradient(q)
    new_p = s * (s * p - h / 2 * (gradient(q) + gradient(new_q)))
    return torch.cat((new_q, new_p), dim=-1)
"""
RIGHT = [("q2", ROOTS), ("q4", POSITIONS)]
T, A, S, F = (
    ("q1", TREND, GOOD_TREND),
    ("q2", LAW, GOOD_LAW),
    ("q3", SYMMETRIC, GOOD_SYMMETRIC),
    ("q4", FRICTION, GOOD_FRICTION),
)
WRONG = {
    "slope per step": (*T, {"dt": "1.0"}, "per unit of time"),
    "absolute error": (
        *T,
        {"errors": "energies - energies[..., :1]"},
        "divide by the initial",
    ),
    "size of the initial energy": (
        *T,
        {"errors": "(energies - energies[..., :1]) / energies[..., :1].abs()"},
        "Divide by E_0 itself",
    ),
    "no sign": (
        *T,
        {"errors": "(energies / energies[..., :1] - 1).abs()"},
        "no absolute values",
    ),
    "mean energy": (
        *T,
        {"errors": "energies / energies.mean(-1, keepdim=True) - 1"},
        "not with the mean",
    ),
    "through zero": (*T, {"slope": "tm / ss", "start": "0 * m"}, "offset"),
    "two points": (*T, {"slope": "eta[..., -1] / t[-1]", "start": "0 * m"}, "fit all"),
    "whole error": (*T, {"rest": "eta"}, "the line leaves over"),
    "typical distance": (*T, {"wobble": "(rest**2).mean(-1).sqrt()"}, "not the typ"),
    "sign of the trend": (*T, {"sign": "-"}, "The sign is wrong"),
    "sign of J": (*A, {"rows": "log[1], -log[0]"}, "The sign is wrong"),
    "time step missing": (*A, {"result": "S"}, "Scaling"),
    "short step": (*A, {"log": "M - torch.eye(2)"}, "short step only"),
    "no angle": (
        *A,
        {"log": "(M - cosine * torch.eye(2)) / torch.sin(angle)"},
        "The angle is missing",
    ),
    "acute angles": (
        *A,
        {"angle": "torch.asin((1 - cosine**2).sqrt())"},
        "more than a right angle",
    ),
    "one way round": (*A, {"result": "S * S.trace().sign() / h"}, "other way round"),
    "halved": (*A, {"result": "S / h / 2"}, "do not halve"),
    "transposed": (
        *A,
        {"log": "angle / torch.sin(angle) * (M.T - cosine * torch.eye(2))"},
        "transposed map",
    ),
    "J on the right": (
        *A,
        {"rows": "log[:, 1], -log[:, 0]", "result": "S.T / h"},
        "J stands on the left",
    ),
    "whole time": (*S, {"result": "apply(t, undo(-t, x))"}, "time t/2"),
    "there and back": (
        *S,
        {"result": "apply(t / 2, undo(t / 2, x))"},
        "where one came from",
    ),
    "layers in the wrong order": (
        *S,
        {"order": "range(len(gradients))"},
        "last to the first",
    ),
    "flow first": (*S, {"result": "undo(-t / 2, apply(t / 2, x))"}, "come first"),
    "sign of time": (*S, {"result": "apply(t / 2, apply(-t / 2, x))"}, "undo them"),
    "twice the flow": (
        *S,
        {"result": "apply(t / 2, apply(t / 2, x))"},
        "but not symmetric",
    ),
    "nothing taken away": (*S, BARE, "at time zero"),
    "absolute time": (*S, {"t": "abs(t)"}, "may be negative"),
    "drift first": (*S, {"kick": "1"}, "is a kick"),
    "damped twice": (
        *F,
        {"before": "math.exp(-gamma * h)", "behind": "math.exp(-gamma * h)"},
        "Scaling",
    ),
    "sign of the friction": (
        *F,
        {"before": "math.exp(gamma * h / 2)", "behind": "math.exp(gamma * h / 2)"},
        "takes momentum",
    ),
    "positions damped": (*F, {"q": "before * q", "q_end": "behind * q"}, "not the pos"),
    "first order damping": (
        *F,
        {"before": "1 - gamma * h / 2", "behind": "1 - gamma * h / 2"},
        "the exponential",
    ),
    "damped at the end": (
        *F,
        {"before": "1.0", "behind": "math.exp(-gamma * h)"},
        "before the kicks",
    ),
    "damped at the start": (
        *F,
        {"before": "math.exp(-gamma * h)", "behind": "1.0"},
        "behind the kicks",
    ),
    "old force": (*F, {"second": "force"}, "new positions"),
    "sign of the force": (*F, {"sign": "", "second": "gradient(q)"}, "minus the grad"),
    "no friction": (*F, {"before": "1.0", "behind": "1.0"}, "no friction"),
}

TestGrader = grader("symplectic_flows", RIGHT, WRONG)
