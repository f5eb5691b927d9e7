"""Where to compute. Nothing else in the package names a device."""

import torch


def best_device() -> torch.device:
    """CUDA if there is a usable GPU, else Apple's MPS, else the CPU.

    MPS has no float64: chapters that need it stay on the CPU.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
