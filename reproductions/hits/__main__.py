"""``python -m reproductions.hits table6 [--systems ...] [--seeds ...]``."""

import argparse
import json

import torch

from reproductions.hits.draws import measure_draws
from reproductions.hits.figures import figure2, figures
from reproductions.hits.problems import PROBLEMS
from reproductions.hits.protocols import PROTOCOLS
from reproductions.hits.scoring import RESULTS, floors, replace_records, table
from reproductions.hits.timing import inference, table5, table9
from reproductions.hits.training import train
from reproductions.jobs import write_atomically

TRAINED = {
    "train": "accurate",
    "table6": "accurate",
    "table6-paper": "paper",
    "table7": "noise1",
    "table8": "noise2",
}
TIMED = {"table5": table5, "table9": table9, "figures": figures}
OTHERS = ["draws", "inference"]
HYBRIDS = ["van_der_pol", "cubic"]  # with networks of their own in Table 9


def main() -> None:
    """Train what is missing, then score or time, and record."""
    parser = argparse.ArgumentParser(prog="python -m reproductions.hits")
    parser.add_argument("command", choices=[*TRAINED, *TIMED, *OTHERS])
    parser.add_argument(
        "--systems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS)
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    arguments = parser.parse_args()
    names, command = arguments.systems, arguments.command
    if key := TRAINED.get(command):
        train(names, arguments.seeds, key)
        if command != "train":
            score(names, arguments.seeds, key)
        return
    torch.set_num_threads(1)
    if command == "draws":
        measure_draws(names)
        return
    if command == "inference":
        rows = json.dumps(inference(), indent=1)
        write_atomically(RESULTS / "hits_inference.json", f"{rows}\n".encode())
        return
    if command == "figures":
        replace_records(list(figure2()), "hits_figures")
    if command == "table9":
        train([name for name in names if name in HYBRIDS], [0], "hybrid")
    for name in names:
        print(f"timing {name}", flush=True)
        replace_records(TIMED[command](name), f"hits_{command}")


def score(names: list[str], seeds: list[int], key: str) -> None:
    """Score what is trained, and put it into the file of the table."""
    torch.set_num_threads(1)
    for name in names:
        replace_records(list(floors(name, key)), PROTOCOLS[key].table)
        for seed in seeds:
            records = list(table(name, seed, key))
            replace_records(records, PROTOCOLS[key].table)
            best = records[0]
            print(
                f"{name}, seed {seed}, {key}: multiscale {best['mse']:.1e} with the "
                f"levels {best['levels']} (paper: {best['paper']:.1e})",
                flush=True,
            )


if __name__ == "__main__":
    main()
