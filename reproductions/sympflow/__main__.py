"""``python -m reproductions.sympflow [--systems ...]``."""

import argparse

import torch

from reproductions.sympflow.scoring import (
    RESULTS,
    provenance,
    read_records,
    score,
    write_records,
)
from reproductions.sympflow.training import (
    COMPETITORS,
    LONG,
    SECONDS,
    SEEDS,
    TRIAL_SECONDS,
    TUNING_SEED,
    load_network,
    pack,
    run,
    trials,
)


def choose(name: str) -> tuple[dict[str, tuple], list[dict]]:
    """The best of three trials of every competitor, and the records of all trials."""
    jobs = [
        (name, competitor, setting, TUNING_SEED, TRIAL_SECONDS[name])
        for competitor in COMPETITORS[name]
        for setting in trials(name, competitor)
    ]
    done, best = run(jobs), {}
    for job, record in done.items():
        if job[1] not in best or record["residual"] < done[best[job[1]]]["residual"]:
            best[job[1]] = job
    records = [
        {"system": name, "competitor": job[1], "role": "trial", "seed": TUNING_SEED}
        | record
        for job, record in done.items()
    ]
    return {competitor: job[2] for competitor, job in best.items()}, records


def reproduce(name: str) -> list[dict]:
    """Choose, train three seeds, ship and score; returns the records."""
    if name == "damped":
        chosen, records = {"symplectic-lm": trials(name, "")[0]}, []
    else:
        chosen, records = choose(name)
    jobs = [
        (name, competitor, setting, seed, SECONDS[name])
        for competitor, setting in chosen.items()
        for seed in SEEDS
    ]
    if name == "oscillator":
        setting = chosen["plain-lm"]
        long = LONG * SECONDS[name]
        jobs += [(name, "plain-lm-long", setting, seed, long) for seed in SEEDS]
    done = run(jobs)
    pack(name, jobs)
    for job, record in done.items():
        scores = (
            {} if name == "damped" else score(name, load_network(name, job[1], job[3]))
        )
        row = {"system": name, "competitor": job[1], "role": "score", "seed": job[3]}
        records.append(row | record | scores | provenance())
        print(row | scores, flush=True)
    return records


def main() -> None:
    """Train what is missing, then score and record."""
    parser = argparse.ArgumentParser(prog="python -m reproductions.sympflow")
    parser.add_argument("--systems", nargs="+", choices=SECONDS, default=list(SECONDS))
    systems = parser.parse_args().systems
    torch.set_num_threads(1)
    for name in systems:
        old = read_records() if RESULTS.exists() else []
        kept = [record for record in old if record["system"] != name]
        write_records(kept + reproduce(name))


if __name__ == "__main__":
    main()
