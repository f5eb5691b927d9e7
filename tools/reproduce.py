"""``make reproduce``: train and measure anew what the book reports, and compare.

The work is done in a copy of the sources, ``_build/reproduced``, without the results
and networks that are shipped: nothing that git keeps is changed. An interrupted run
goes on where it stopped; deleting the folder begins anew. ``ONLY="hits onsager"``
chooses, ``SCHEDULER=tcp://...`` sends the trainings to a Dask cluster.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tools.setup import ROOT

SEEDS = ["--seeds", "0", "1", "2"]
RUNS = {  # arguments of python -m reproductions., in the order in which they build up
    "solvers": [["solvers", it] for it in ("train", "optimisers", "collocation")],
    "onsager": [["onsager"]],
    "sympflow": [["sympflow"]],
    "convection": [["convection"]],
    "hits": [
        ["hits", "table6", *SEEDS],
        *(["hits", it] for it in ("table6-paper", "table7", "table8", "draws")),
        *(["hits", it] for it in ("table9", "table5", "figures", "inference")),
    ],
}
MINUTES = {"solvers": 5, "onsager": 5, "sympflow": 20, "convection": 60, "hits": 180}
SHIPPED = ("results", "weights")
# What says which record is which, and what was measured; the first that is there.
NAMES = ("system", "kind", "competitor", "scheme", "protocol", "interpolant", "noise")
NAMES += ("mode", "role", "method", "how", "m", "modes", "flow", "nx", "nz", "used")
NAMES += ("draw", "scored_against", "budget", "points", "width", "threads")
NAMES += ("dtype", "seed")
TRIED = ("rate", "learning_rate", "matching", "size")  # a trial differs in these
MEASURED = ("mse", "mse_float32", "t99", "validation_t99", "one_step", "residual")
MEASURED += ("median_error", "nusselt", "volume", "relative_error", "validation")


def main() -> int:
    """Run what is wanted, then print the table; returns 1 if a run failed."""
    wanted = os.environ.get("ONLY", "").split() or list(RUNS)
    if unknown := set(wanted) - set(RUNS):
        names = " ".join(RUNS)
        print(
            f"make reproduce: ONLY must name some of: {names}. "
            f"Found {' '.join(sorted(unknown))}.",
            file=sys.stderr,
        )
        return 2
    copy = ROOT / "_build" / "reproduced"
    copy_sources(ROOT, copy)
    chosen = [name for name in RUNS if name in wanted]
    minutes = sum(MINUTES[name] for name in chosen)
    print(f"In {copy}. All new: about {minutes} minutes on two cores.", flush=True)
    for name in chosen:
        if run(name, copy):
            return 1
    print_comparison(ROOT / "reproductions" / "results", copy)
    return 0


def copy_sources(root: Path, copy: Path) -> None:
    """Bring the two packages into ``copy``; what was trained there is left alone."""
    for package in ("lecture_utils", "reproductions"):
        shutil.copytree(
            root / package,
            copy / package,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__", *SHIPPED),
        )
    (copy / "reproductions" / "results").mkdir(exist_ok=True)


def run(name: str, copy: Path) -> int:
    """All commands of one paper; returns the status of the first that failed."""
    environment = os.environ | {"PYTHONPATH": str(copy)}
    for i, arguments in enumerate(RUNS[name], start=1):
        command = ["-m", f"reproductions.{arguments[0]}", *arguments[1:]]
        shown = f"{name}, {i} of {len(RUNS[name])}: python {' '.join(command)}"
        print(f"\n{shown}", flush=True)
        start = time.monotonic()
        status = subprocess.call([sys.executable, *command], cwd=copy, env=environment)
        if status:
            print(f"\nmake reproduce stopped at {shown}", file=sys.stderr)
            return status
        print(f"  {(time.monotonic() - start) / 60:.1f} minutes", flush=True)
    return 0


def print_comparison(shipped: Path, copy: Path) -> None:
    """One line per file of results that was measured again."""
    print("\nMeasured anew, divided by what is shipped:")
    print("  results                        records    median  smallest   largest")
    for path in sorted((copy / "reproductions" / "results").glob("*.json")):
        old = measured(json.loads((shipped / path.name).read_text(encoding="utf-8")))
        new = measured(json.loads(path.read_text(encoding="utf-8")))
        if old and new:
            print(f"  {path.stem:28} {compared(old, new)}")


def measured(records: list[dict]) -> dict[tuple, float]:
    """The measured value of each record that has one, by what names the record."""
    values = {}
    for record in records:
        found = [record[key] for key in MEASURED if key in record]
        if found:
            value = found[0][0] if isinstance(found[0], list) else found[0]
            trial = "trial" in (record.get("role"), record.get("kind"))
            keys = NAMES + TRIED if trial else NAMES
            values[tuple(str(record.get(key)) for key in keys)] = value
    return values


def compared(old: dict[tuple, float], new: dict[tuple, float]) -> str:
    """How many records both have, and the quotients of their values."""
    ratios = [new[key] / old[key] for key in old.keys() & new.keys() if old[key]]
    count = f"{len(old.keys() & new.keys())}/{len(old)}"
    if not ratios:
        return f"{count:>9}"
    spread = statistics.median(ratios), min(ratios), max(ratios)
    return f"{count:>9} " + " ".join(f"{it:9.3g}" for it in spread)


if __name__ == "__main__":
    sys.exit(main())
