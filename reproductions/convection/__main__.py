"""``python -m reproductions.convection [--cases autoencoder7 ...]``."""

import argparse

import torch

from reproductions.convection.scoring import (
    provenance,
    score,
    write_records,
)
from reproductions.convection.steady import nusselt_records, truncation_records
from reproductions.convection.training import (
    COORDINATES,
    SEEDS,
    WAYS,
    reduction_record,
    ship_autoencoder,
    ship_data,
    train_case,
)

CASES = {f"{how}{m}": (how, m) for how in WAYS for m in COORDINATES}


def reproduce(how: str, m: int) -> list[dict]:
    """Train what is missing on one reduction; returns its records."""
    records = [reduction_record(how, m)]
    trained, trials = train_case(how, m)
    records += trials
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
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--train-only", action="store_true", help="do not record")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ship_data()
    for m in COORDINATES:
        ship_autoencoder(m)
    if arguments.train_only:
        for case in arguments.cases:
            train_case(*CASES[case])
        return
    records = nusselt_records() + truncation_records()
    for case in CASES:
        records += reproduce(*CASES[case])
    write_records([record | provenance() for record in records])


if __name__ == "__main__":
    main()
