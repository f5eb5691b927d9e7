import torch

from lecture_utils.devices import best_device


def test_the_best_device_computes():
    x = torch.ones(3, device=best_device())
    assert x.sum().item() == 3
    assert (best_device().type == "cuda") == torch.cuda.is_available()
