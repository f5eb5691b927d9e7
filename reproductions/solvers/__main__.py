"""``python -m reproductions.solvers train|optimisers|collocation [--seeds ...]``."""

import argparse

from reproductions.solvers.comparisons import compare_collocation, compare_optimisers
from reproductions.solvers.problems import PROBLEMS
from reproductions.solvers.training import train


def main() -> None:
    """Run what is missing, and record it."""
    parser = argparse.ArgumentParser(prog="python -m reproductions.solvers")
    parser.add_argument("command", choices=["train", "optimisers", "collocation"])
    parser.add_argument(
        "--systems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS)
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    if arguments.command == "train":
        train(arguments.systems, arguments.seeds)
    elif arguments.command == "optimisers":
        compare_optimisers(arguments.seeds)
    else:
        compare_collocation(arguments.seeds)


if __name__ == "__main__":
    main()
