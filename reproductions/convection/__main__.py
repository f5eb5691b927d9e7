"""``python -m reproductions.convection [--cases autoencoder7 ...]``.

What is finished lies in ``_build/convection``; delete it to begin anew.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from reproductions.convection import least_squares
from reproductions.convection.data import WORK
from reproductions.convection.scoring import (
    provenance,
    score,
    write_records,
)
from reproductions.convection.steady import nusselt_records, truncation_record
from reproductions.convection.training import (
    COORDINATES,
    REDUCTIONS,
    SEEDS,
    nearest_record,
    reduction_record,
    ship_autoencoder,
    ship_data,
    train_case,
)
from reproductions.jobs import write_atomically

TRUNCATIONS = ((1, 2), (4, 4), (8, 8), (16, 16))
FEWER = (10, 25, 50, 100, 200)  # training trajectories of the look-up
CASES = {f"{how}{m}": (how, m) for how, m in REDUCTIONS}


def kept(name: str, compute: Callable[[], Any]) -> Any:
    """What ``compute`` returns, from the last run if there was one."""
    path = WORK / f"{name}.json"
    if not path.exists():
        write_atomically(path, json.dumps(compute()).encode())
    return json.loads(path.read_text())


def reproduce(how: str, m: int) -> list[dict]:
    """Train what is missing on one reduction; returns its records."""
    trained, records = train_case(how, m)
    for name, training in trained.items():
        for i, seed in enumerate(SEEDS):
            row = {"kind": "score", "competitor": name, "how": how, "m": m}
            row |= {"seed": seed} | score(name, m, seed, how=how) | training
            for key in ("validation_t99", "misfit"):
                row[key] = training[key][i]
            records.append(row)
            print(row, flush=True)
    return records


def main() -> None:
    """Simulate, reduce and train what is missing, then score and record."""
    parser = argparse.ArgumentParser(prog="python -m reproductions.convection")
    parser.add_argument(
        "--cases", nargs="+", choices=CASES, help="only these, and record nothing yet"
    )
    wanted = parser.parse_args().cases
    torch.set_num_threads(1)
    ship_data()
    for m in COORDINATES:
        ship_autoencoder(m)
    scored = {
        case: kept(f"scores_{case}", partial(reproduce, *CASES[case]))
        for case in wanted or CASES
    }
    if wanted:
        return
    records = kept("nusselt", nusselt_records)
    for nx, nz in TRUNCATIONS:
        name = f"truncation{nx}x{nz}"
        records.append(kept(name, partial(truncation_record, nx, nz)))
    for m in COORDINATES:
        records += [reduction_record(how, m) for how in ("autoencoder", "components")]
    records += [nearest_record(how, m) for how, m in REDUCTIONS]
    records += [nearest_record("autoencoder", 7, used) for used in FEWER[:-1]]
    records += [record for case in CASES for record in scored[case]]
    records += kept(
        "least_squares", partial(least_squares.train_case, "autoencoder", 7)
    )
    write_records([record | provenance() for record in records])


if __name__ == "__main__":
    main()
