"""What the laboratories need: shipped networks as JavaScript, still pictures.

Each laboratory computes in the page (``book/assets/<name>.js``). Its data are written
by the build, from the shipped weights; its still picture is what paper shows.
"""

import base64
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from tools.execute import fingerprint

READ = (  # whatever the files made here may depend on
    "tools/laboratories.py",
    "lecture_utils/*.*",
    "reproductions/**/*.py",
    "reproductions/results/hits_table6.json",
    "reproductions/weights/hits/*",
    "reproductions/weights/sympflow/*",
)
FILES = tuple(
    name.format(laboratory)
    for laboratory in ("phase_plane", "energy", "residual_flow")
    for name in ("book/assets/{}_data.js", "book/laboratories/{}.png")
)


def made(root: Path) -> dict[str, bytes]:
    """Generated files by name below ``root``; made anew if a source changed."""
    sources = sorted(path for pattern in READ for path in root.glob(pattern))
    key = hashlib.sha256("".join(map(fingerprint, sources)).encode()).hexdigest()
    folder = root / "_build" / f"laboratories-{key[:16]}"
    if not all((folder / name).is_file() for name in FILES):
        for name in FILES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        _make(folder)
    return {name: (folder / name).read_bytes() for name in FILES}


def _make(folder: Path) -> None:
    from tools import laboratory_pictures as pictures  # imports torch: seconds

    scripts = {
        "phase_plane": javascript("phasePlane", phase_plane_data()),
        "energy": javascript("energyData", energy_data()),
        "residual_flow": javascript(
            "residualFlowData", {"points": numbers(pictures.flow_points())}
        ),
    }
    for name, script in scripts.items():
        (folder / f"book/assets/{name}_data.js").write_text(script, encoding="utf-8")
    pictures.draw_phase_plane(folder / "book/laboratories/phase_plane.png")
    pictures.draw_energy(folder / "book/laboratories/energy.png")
    pictures.draw_residual_flow(folder / "book/laboratories/residual_flow.png")


def javascript(name: str, data: dict[str, Any]) -> str:
    """A script that sets one variable: pages from the disk can load no JSON."""
    return f"const {name} = {json.dumps(data, separators=(',', ':'))};\n"


def numbers(*tensors: Any) -> str:
    """Tensors one after the other, float64, little-endian, as base64."""
    parts = [t.detach().numpy().astype("<f8").tobytes() for t in tensors]
    return base64.b64encode(b"".join(parts)).decode()


def phase_plane_data() -> dict[str, Any]:
    """The shipped flow maps of four systems, each with its parameters and region."""
    from reproductions.hits.problems import N_STEPS, PROBLEMS
    from reproductions.hits.scoring import read_records
    from reproductions.hits.training import load_flows

    chosen = {
        record["system"]: record["levels"]
        for record in read_records()
        if record["scheme"] == "multiscale"
        and (record["seed"], record["interpolant"]) == (0, "spline")
    }
    data = {}
    for name in ("hyperbolic", "cubic", "van_der_pol", "hopf"):
        problem = PROBLEMS[name]
        flows, _ = load_flows(name)
        net: Any = flows[1].net
        data[name] = {
            "dt": problem.dt,
            "steps": N_STEPS,
            "dim": problem.field.dim,  # type: ignore[attr-defined]
            "width": net.layers[0].out_features,
            "parameters": dataclasses.asdict(problem.field),  # type: ignore[arg-type]
            "region": problem.region,
            "chosen": chosen[name],
            "levels": {k: numbers(*_flow_parts(flow)) for k, flow in flows.items()},
        }
    return data


def _flow_parts(flow: Any) -> list[Any]:
    layers = [part for layer in flow.net.layers for part in (layer.weight, layer.bias)]
    return [flow.centre, flow.spread, flow.shift, flow.scale, *layers]


def energy_data() -> dict[str, Any]:
    """The shipped networks for the oscillator, seed 0, trained by least squares."""
    from reproductions.sympflow import load_network

    symplectic: Any = load_network("oscillator", "symplectic-lm")
    plain: Any = load_network("oscillator", "plain-lm")
    potentials = [
        numbers(it.inner.weight, it.inner.bias, it.pace, it.weight)
        for it in symplectic.potentials
    ]
    layers = plain.net.layers
    parts = [part for layer in layers for part in (layer.weight, layer.bias)]
    return {
        "reach": 1.5,  # of the training states, in q and p
        "symplectic": {"width": len(symplectic.potentials[0].pace)}
        | {"potentials": potentials},
        "plain": {"width": layers[0].out_features, "weights": numbers(*parts)},
    }
