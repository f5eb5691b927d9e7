"""Fixtures shared by the tests: which devices there are, and a seeded generator."""

import matplotlib
import pytest
import torch

matplotlib.use("Agg")

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


@pytest.fixture(params=DEVICES)
def device(request):
    return torch.device(request.param)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def seed():
    """Networks draw their weights from the global generator: alike in every run."""
    torch.manual_seed(0)
