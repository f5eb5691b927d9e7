"""The grader of "From residuals to statements"."""

from proofs import grader

JETS = """
def second_order_residual(net, force, t, x0, v0):
    def d_dt(function):
        return lambda t: torch.func.jacrev(lambda u: function(u).sum(0))(t).T
    def trial(t):
        s = t[:, None]
        return x0 + {start} + s**{power} * net(s)
    value, velocity = trial(t), d_dt(trial)(t)
    return {sign}({bend} - force(t, value, {seen}))
"""
GOOD_JETS = {"start": "s * v0", "power": "2", "sign": "", "seen": "velocity"} | {
    "bend": "d_dt(d_dt(trial))(t)"
}
PRODUCT = """
def second_order_residual(net, force, t, x0, v0):
    s = t[:, None].clone().requires_grad_()
    out = net(s)
    def slope(y):
        parts = [torch.autograd.grad(y[:, i].sum(), s, create_graph=True)[0]
                 for i in range(y.shape[1])]
        return torch.cat(parts, dim=1)
    first = slope(out)
    second = slope(first)
    x = x0 + s * v0 + s * s * out
    v = v0 + 2 * s * out + s * s * first
    a = {acceleration}
    return (a - force(t, x, v)).detach()
"""
GOOD_PRODUCT = {"acceleration": "2 * out + 4 * s * first + s * s * second"}
SUMMED = """
def second_order_residual(net, force, t, x0, v0):
    t = t.clone().requires_grad_()
    s = t[:, None]
    value = x0 + s * v0 + s**2 * net(s)
    v, = torch.autograd.grad(value.sum(), t, create_graph=True)
    v = v[:, None].expand_as(value)
    a = torch.stack([torch.autograd.grad(v[:, i].sum(), t, create_graph=True)[0]
                     for i in range(v.shape[1])], dim=1)
    return (a - force(t, value, v)).detach()
"""
CAUSAL = """
def causal_loss(residuals, epsilon):
    past, total, weights = 0.0, 0.0, 0.0
    windows = {order}
    for window in windows:
        loss = {loss}
        {early}
        weight = math.exp({sign}epsilon * past)
        total += weight * float(loss)
        weights += weight
        {late}
    return total / {divisor}
"""
GOOD_CAUSAL = {"order": "list(residuals)", "early": "", "sign": "-"} | {
    "loss": "window.pow(2).sum() / len(window)",
    "late": "past += float(loss)",
    "divisor": "len(windows)",
}
BLAME = """
def blame(A, residuals, dt, c):
    d, K = len(c), len(residuals)
    big = torch.zeros(2 * d, 2 * d)
    big[:d, :d], big[:d, d:] = {matrix} * dt, torch.eye(d) * dt
    big = torch.linalg.matrix_exp(big)
    step, gain = big[:d, :d], {gain}
    found = []
    for k in range(K):
        e = gain @ residuals[k]
        for _ in range({later}):
            e = step @ e
        found.append({sign}(c * e).sum())
    return {result}
"""
GOOD_BLAME = {"matrix": "A", "gain": "big[:d, d:]", "later": "K - 1 - k"} | {
    "sign": "",
    "result": "torch.stack(found)",
}
EIGEN = """
def blame(A, residuals, dt, c):
    values, vectors = torch.linalg.eig(A)
    left = c.to(vectors.dtype) @ vectors
    right = torch.linalg.solve(vectors, residuals.T.to(vectors.dtype))
    n_later = torch.arange(len(residuals) - 1, -1, -1)
    carried = torch.exp(values[:, None] * dt * n_later)
    gain = torch.expm1(values * dt) / values
    return torch.real(((left * gain)[:, None] * carried * right).sum(0))
"""
PROVED = """
def proved(residuals, rate, dt, most_tries):
    def end(k, E, width):
        z = dt * {rate}
        return {end}
    E, n = 0.0, 0
    for k, R in enumerate(residuals.tolist()):
        widths = [(1.1 * E + 2 * dt * R) * {factor} for i in range({tries})]
        fit = [w for w in widths if {check}]
        if not fit:
            break
        E, n = {bound}, n + 1
    return {result}
"""
GOOD_PROVED = {"rate": "rate(k, width)", "factor": "2**i", "tries": "most_tries"} | {
    "end": "math.exp(z) * E + R * dt * (math.expm1(z) / z if z else 1)",
    "result": "n, E",
    "check": "max(E, end(k, E, w)) < w",
    "bound": "end(k, E, fit[0])",
}
RECURSIVE = """
def proved(residuals, rate, dt, most_tries, E=0.0, n=0):
    if n == len(residuals):
        return n, E
    R = float(residuals[n])
    for i in range(most_tries):
        width = 2**i * (1.1 * E + 2 * dt * R)
        L = rate(n, width)
        source = R / L if L else 0.0
        new = (E + source) * math.exp(L * dt) - source if L else E + dt * R
        if E < width and new < width:
            return proved(residuals, rate, dt, most_tries, new, n + 1)
    return n, E
"""
WEIGHTS = """
import numpy as np
def blame(A, residuals, dt, c):
    # The series of the integral, and its transposed on c.
    A, term, gain = A.numpy(), np.eye(len(c)) * dt, 0
    for j in range(2, 60):
        gain, term = gain + term, term @ A * dt / j
    step, w, found = np.eye(len(c)) + A @ gain, c.numpy(), []
    for r in residuals.numpy()[::-1]:
        found.append(w @ gain @ r)
        w = w @ step
    return np.array(found[::-1])
"""
INVERSE = """
def blame(A, residuals, dt, c):
    step = torch.linalg.matrix_exp(dt * A)
    gain = {inverse} @ (step - torch.eye(len(c)))
    found, weight = [], c
    for r in residuals.flip(0):
        found.append(weight @ gain @ r)
        weight = weight @ step
    return torch.stack(found[::-1])
"""
RIGHT = [("q3", WEIGHTS), ("q4", RECURSIVE)]
J, C, B, P = (
    ("q1", JETS, GOOD_JETS),
    ("q2", CAUSAL, GOOD_CAUSAL),
    ("q3", BLAME, GOOD_BLAME),
    ("q4", PROVED, GOOD_PROVED),
)
WRONG = {
    "sign of the residual": (*J, {"sign": "-"}, "The sign is wrong"),
    "one derivative": (*J, {"bend": "velocity"}, "differentiate twice"),
    "t instead of its square": (*J, {"power": "1"}, "t instead of t^2"),
    "no velocity at the start": (*J, {"start": "0 * s"}, "is missing in the trial"),
    "initial velocity in the force": (
        *J,
        {"seen": "v0.expand_as(value)"},
        "not on the initial one",
    ),
    "no velocity in the force": (*J, {"seen": "0 * value"}, "missing in the force"),
    "product rule": (
        "q1",
        PRODUCT,
        GOOD_PRODUCT,
        {"acceleration": "s * s * second"},
        "product rule",
    ),
    "sum over components": ("q1", SUMMED, {}, {}, "its own derivative"),
    "sign of the weight": (*C, {"sign": "+"}, "The sign is wrong"),
    "own loss": (*C, {"early": "past += float(loss)", "late": ""}, "Off by one"),
    "last window": (*C, {"late": "past = float(loss)"}, "All earlier windows"),
    "from the future": (
        *C,
        {"order": "list(residuals.flip(0))"},
        "look into the future",
    ),
    "normalised": (*C, {"divisor": "weights"}, "not normalised"),
    "summed": (*C, {"divisor": "1"}, "mean over the windows"),
    "mean over components": (*C, {"loss": "window.pow(2).mean()"}, "sum over the comp"),
    "not squared": (*C, {"loss": "window.norm(dim=-1).mean()"}, "not squared"),
    "no weights": (*C, {"late": ""}, "weights are missing"),
    "sign of the share": (*B, {"sign": "-"}, "with a plus"),
    "transposed": (*B, {"matrix": "A.T"}, "transposed"),
    "own interval twice": (*B, {"later": "K - k"}, "Off by one"),
    "order of the intervals": (*B, {"later": "k"}, "wrong order"),
    "Euler step": (*B, {"gain": "dt * torch.eye(d)"}, "Euler step"),
    "scaling by dt": (*B, {"gain": "big[:d, d:] / dt"}, "in proportion to dt"),
    "inverse": ("q3", INVERSE, {"inverse": "torch.linalg.inv(A)"}, {}, "an exception"),
    "eigenvectors": ("q3", EIGEN, {}, {}, "not right"),
    "pseudo-inverse": (
        *("q3", INVERSE),
        {"inverse": "torch.linalg.pinv(A)"},
        *({}, "need not have an inverse"),
    ),
    "absolute values": (*B, {"result": "torch.stack(found).abs()"}, "has a sign"),
    "running sum": (*B, {"result": "torch.stack(found).cumsum(0)"}, "single contrib"),
    "on the path": (*P, {"rate": "rate(k, 0.0)"}, "not on the path itself"),
    "no check": (*P, {"check": "True"}, "stays inside the tube"),
    "one tube": (*P, {"tries": "1"}, "gives up too soon"),
    "a try too many": (*P, {"tries": "most_tries + 1"}, "too many"),
    "a try too few": (*P, {"tries": "most_tries - 1"}, "too few"),
    "Euler bound": (*P, {"end": "E + z * E + R * dt"}, "no bound"),
    "width as bound": (*P, {"bound": "fit[0]"}, "is not the bound"),
    "divides by zero": (
        *P,
        {"end": "math.exp(z) * E + R * dt * math.expm1(z) / z"},
        "ZeroDivisionError",
    ),
    "never all": (*P, {"result": "min(n, len(residuals) - 1), E"}, "not right"),
    "at least one": (*P, {"result": "max(n, 1), E"}, "not right"),
    "no shrinking": (*P, {"rate": "max(0.0, rate(k, width))"}, "may be negative"),
}

TestGrader = grader("physics_informed_solvers", RIGHT, WRONG)
