"""The grader of "Jumps, gaps and corrections"."""

from proofs import grader

JUMPS = """
def landmark_jumps(network, step, x0, n_landmarks, m):
    landmarks = [x0]
    for _ in range(n_landmarks):
        landmarks.append(network(landmarks[-1]))
    landmarks = torch.stack(landmarks, dim=-2)
    walk = landmarks[..., :-1, :]
    for _ in range({m}):
        walk = step(walk)
    gap = {landmarks} - walk
    return {result}
"""
GOOD_JUMPS = {"m": "m", "landmarks": "landmarks[..., 1:, :]"} | {
    "result": "(gap * gap).sum(-1).sqrt()"
}
SERIAL = """
def landmark_jumps(network, step, x0, n_landmarks, m):
    landmark, walked, found = x0, x0, []
    for _ in range(n_landmarks):
        landmark = network(landmark)
        for _ in range(m):
            walked = step(walked)
        found.append((landmark - walked).norm(dim=-1))
        walked = {restart}
    return torch.stack(found, dim=-1)
"""
GAP = """
def choose_gap(a, b, c, n, n_steps, gaps, errors, most):
    alone = n_steps * (a + b * n)
    rows = [{first}]
    for m, error in zip({gaps}, errors):
        if {fits}:
            calls = m - {less}
            walk = calls * ({overhead} + b * {states})
            rows.append((alone / (c * n_steps / m + walk), m, error))
    if not rows:
        return 1, 1.0
    gain, m, _ = max(rows, key=lambda row: {key})
    return m, {result}
"""
GOOD_GAP = {"first": "(1.0, 1, 0.0)", "fits": "error <= most", "less": "1"} | {
    "overhead": "a",
    "states": "n * (n_steps // m)",
    "gaps": "gaps",
    "key": "row[0]",
    "result": "gain",
}
FASTEST = """
def choose_gap(a, b, c, n, n_steps, gaps, errors, most):
    alone = n_steps * (a + b * n)
    times = [n_steps // m * c + (m - 1) * (a + b * n * (n_steps // m)) for m in gaps]
    i = times.index(min(times))
    if errors[i] > most or times[i] >= alone:
        return 1, 1.0
    return gaps[i], alone / times[i]
"""
SORTED = """
def choose_gap(a, b, c, n, n_steps, gaps, errors, most):
    fit = torch.tensor(errors) <= most
    m = torch.tensor(gaps)
    walk = a * (m - 1) + b * n * n_steps * (1 - 1 / m)
    gain = n_steps * (a + b * n) / (walk + n_steps * c / m)
    best = torch.where(fit, gain, 0.0).argmax()
    return (m[best], gain[best]) if fit.any() and gain[best] > 1 else (1, 1.0)
"""
PARAREAL = """
def parareal_until(fine, coarse, x0, n_landmarks, tolerance):
    def correct(old):
        new = [x0]
        for i in range(n_landmarks):
            x = old[i]
            new.append({correction})
        return new
    landmarks, k = [x0], {start}
    for _ in range(n_landmarks):
        landmarks.append(coarse(landmarks[-1]))
    for _ in range({most}):
        before, landmarks, k = landmarks, correct(landmarks), k + 1
        pairs = zip(before[1:], landmarks[1:])
        far = torch.stack([{far} for a, b in pairs])
        if {criterion} {within} tolerance:
            break
    return [torch.stack({result}, dim=1), k]
"""
GOOD_PARAREAL = {"correction": "coarse(new[i]) + (fine(x) - coarse(x))"} | {
    "start": "0",
    "most": "n_landmarks",
    "criterion": "far.max()",
    "far": "(b - a).norm(dim=-1)",
    "within": "<=",
    "result": "landmarks",
}
EQUAL = """
def gain_at_equal_error(errors, seconds, network_error, network_seconds):
    rows = sorted(zip(errors.tolist(), seconds.tolist()))
    log, exp = math.log, math.exp
    {override}
    for (e0, s0), (e1, s1) in {pairs}:
        if e0 <= network_error <= e1:
            far = {log_e}(e1) - {log_e}(network_error)
            weight = far / ({log_e}(e1) - {log_e}(e0))
            value = {value}
            return {result}
"""
GOOD_EQUAL = {"override": "", "pairs": "zip(rows, rows[1:])", "log_e": "log"} | {
    "value": "exp(weight * log(s0) + (1 - weight) * log(s1))",
    "result": "value / network_seconds",
}
POWER = """
def gain_at_equal_error(errors, seconds, network_error, network_seconds):
    below, above = errors <= network_error, errors > network_error
    low = errors[below].max()
    high = errors[above].min()
    s_low, s_high = seconds[errors == low][0], seconds[errors == high][0]
    power = torch.log(s_low / s_high) / torch.log(low / high)
    return s_low * (network_error / low) ** power / network_seconds
"""
NEAREST = """
def gain_at_equal_error(errors, seconds, network_error, network_seconds):
    near = (errors.log() - math.log(network_error)).abs().argsort()[:2]
    (x0, x1), (y0, y1) = errors[near].log(), seconds[near].log()
    share = (math.log(network_error) - x0) / (x1 - x0)
    return torch.exp(y0 + share * (y1 - y0)) / network_seconds
"""
INTERPOLATED = """
import numpy as np
def gain_at_equal_error(errors, seconds, network_error, network_seconds):
    e, s = errors.numpy(), seconds.numpy()
    order = np.argsort(e)
    log_s = np.interp(np.log(network_error), np.log(e[order]), np.log(s[order]))
    return np.exp(log_s) / network_seconds
"""
ARRAYS = """
def parareal_until(fine, coarse, x0, n_landmarks, tolerance):
    U = [x0]
    for i in range(n_landmarks):
        U.append(coarse(U[i]))
    for k in range(1, n_landmarks + 1):
        F, C, V = [fine(u) for u in U], [coarse(u) for u in U], [x0]
        for i in range(n_landmarks):
            V.append(F[i] - C[i] + coarse(V[i]))
        moved = max(float(torch.dist(a, b)) for u, v in zip(U, V) for a, b in zip(u, v))
        U = V
        if not moved > tolerance:
            break
    return torch.stack(U, 1).numpy(), torch.tensor(k)
"""
RIGHT = [("q2", SORTED), ("q3", ARRAYS), ("q4", POWER), ("q4", INTERPOLATED)]
J, G, P, E = (
    ("q1", JUMPS, GOOD_JUMPS),
    ("q2", GAP, GOOD_GAP),
    ("q3", PARAREAL, GOOD_PARAREAL),
    ("q4", EQUAL, GOOD_EQUAL),
)
LINEAR = {"value": "weight * s0 + (1 - weight) * s1"}
WRONG = {
    "last state of the walk": (*J, {"m": "m - 1"}, "one step more"),
    "a step too long": (*J, {"m": "m + 1"}, "too long"),
    "one long walk": (
        "q1",
        SERIAL,
        {"restart": "landmark"},
        {"restart": "walked"},
        "starts from its",
    ),
    "beginning of the gap": (
        *J,
        {"landmarks": "landmarks[..., :-1, :]", "m": "m - 1"},
        "at the end of the gap",
    ),
    "squared": (*J, {"result": "gap.square().sum(-1)"}, "square"),
    "largest component": (*J, {"result": "gap.abs().amax(-1)"}, "norm over"),
    "time first": (*J, {"result": "gap.norm(dim=-1).movedim(-1, 0)"}, "last axis"),
    "jump at the start": (
        *J,
        {"result": "torch.nn.functional.pad(gap.norm(dim=-1), (1, 0))"},
        "no jump at the initial",
    ),
    "any error": (*G, {"fits": "True"}, "not heeded"),
    "fastest first": ("q2", FASTEST, {}, {}, "First the gaps that are accurate"),
    "error below": (*G, {"fits": "error < most"}, "also one that equals"),
    "gaps as if sorted": (*G, {"gaps": "sorted(gaps)"}, "beside its error"),
    "always alone": (*G, {"key": "-row[0]"}, "not right"),
    "most accurate": (*G, {"key": "-row[2]", "first": ""}, "not the most accurate"),
    "longest": (*G, {"key": "row[1]"}, "longest gap"),
    "m calls": (*G, {"less": "0"}, "Off by one"),
    "one gap": (*G, {"states": "n"}, "all gaps at once"),
    "overhead of each gap": (*G, {"overhead": "a * n_steps / m"}, "pays the overhead"),
    "never alone": (*G, {"first": ""}, "classical method alone"),
    "times as slow": (*G, {"result": "1 / gain"}, "inverse"),
    "optimal gap": (
        *G,
        {"key": "-abs(row[1] - math.sqrt(n_steps * c / a))", "first": ""},
        "compare the times",
    ),
    "sign": (*P, {"correction": "coarse(new[i]) + coarse(x) - fine(x)"}, "sign"),
    "old coarse": (
        *P,
        {"correction": "coarse(x) + fine(x) - coarse(x)"},
        "from the new landmark",
    ),
    "serial": (
        *P,
        {"correction": "coarse(x) + fine(new[i]) - coarse(x)"},
        "nothing is parallel",
    ),
    "before the correction": (*P, {"result": "before"}, "not before it"),
    "counts the first pass": (*P, {"start": "1"}, "no correction"),
    "no stop": (*P, {"criterion": "math.inf"}, "Too many"),
    "no limit": (*P, {"most": "100"}, "at most as many"),
    "tolerance not reached": (*P, {"within": "<"}, "just reached"),
    "largest component moves": (*P, {"far": "(b - a).abs().amax(-1)"}, "largest of t"),
    "components added": (*P, {"far": "(b - a).abs().sum(-1)"}, "not the sum"),
    "last landmark moves": (*P, {"criterion": "far[-1].max()"}, "not the last one"),
    "first trajectory moves": (*P, {"criterion": "far[:, 0].max()"}, "not the first"),
    "stop by disagreement": (
        *P,
        {
            "criterion": "max((fine(x) - coarse(x)).norm(dim=-1).max()"
            " for x in landmarks[:-1])"
        },
        "disagree never",
    ),
    "average movement": (
        *P,
        {"criterion": "far.sum() / len(before[1:]) / len(x0)"},
        "not the average",
    ),
    "gain upside down": (*E, {"result": "network_seconds / value"}, "inverse"),
    "linear": (*E, LINEAR | {"override": "log = float"}, "in the logarithms"),
    "logarithm of errors alone": (*E, LINEAR, "of the seconds"),
    "logarithm of seconds alone": (*E, {"log_e": "float"}, "of the errors"),
    "finer setting": (*E, {"value": "s0"}, "flatters the network"),
    "coarser setting": (*E, {"value": "s1"}, "worse than the network"),
    "two nearest": ("q4", NEAREST, {}, {}, "on the same side"),
    "first and last": (*E, {"pairs": "[(rows[0], rows[-1])]"}, "next to the error"),
}

TestGrader = grader("hybrid_time_steppers", RIGHT, WRONG)
