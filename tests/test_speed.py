import re

import torch

from reproductions import speed


def test_the_benchmark_prints_its_ratios_and_restores_the_threads(capsys):
    n_threads = torch.get_num_threads()
    speed.main(["--small"])
    printed = capsys.readouterr().out
    assert len(re.findall(r"ratio \d+\.\d\d", printed)) == 2
    assert re.search(r"\d+\.\d{3} s per iteration", printed)
    assert torch.get_num_threads() == n_threads


def test_both_integrators_solve_the_same_problem(capsys):
    speed.compare_integrators(
        "oscillator", speed.oscillator, n_states=5, n_steps=50, n_repeats=1
    )
    difference = re.search(r"difference (\S+)", capsys.readouterr().out)
    assert difference is not None and float(difference[1]) < 1e-5
