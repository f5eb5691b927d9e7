"""``python -m reproductions.hits table6 [--systems ...] [--seeds ...]``."""

import argparse
import json
from pathlib import Path

import torch

from reproductions.hits.problems import PROBLEMS
from reproductions.hits.scoring import floors, replace_records, table6
from reproductions.hits.training import train

PAPER = Path(__file__).with_name("paper_table6.json")


def main() -> None:
    """Train what is missing, then score and record."""
    parser = argparse.ArgumentParser(prog="python -m reproductions.hits")
    parser.add_argument("command", choices=["train", "table6"])
    parser.add_argument(
        "--systems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS)
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    arguments = parser.parse_args()
    train(arguments.systems, arguments.seeds)
    if arguments.command == "train":
        return
    torch.set_num_threads(1)
    paper = json.loads(PAPER.read_text())["rows"]
    for name in arguments.systems:
        replace_records(list(floors(name)))
        for seed in arguments.seeds:
            records = list(table6(name, seed, paper))
            replace_records(records)
            best = records[0]
            print(
                f"{name}, seed {seed}: multiscale {best['mse']:.1e} with the levels "
                f"{best['levels']} (paper: {best['paper']:.1e})",
                flush=True,
            )


if __name__ == "__main__":
    main()
