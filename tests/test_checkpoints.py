import io
import json
import os
import pickle

import pytest
import safetensors.torch
import torch
from torch import nn

from lecture_utils import checkpoints
from lecture_utils.checkpoints import load, load_into, save

ABOUT = {"what": "flow map", "training": "500 steps of Adam", "seed": 0}


def network(width=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def tensors():
    shared = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    return {
        "float32": shared,
        "shared": shared,
        "part": shared[1:],
        "transposed": shared.T,
        "float64": torch.tensor([0.1, -0.0, 5e-324], dtype=torch.float64),
        "int64": torch.tensor([[-(2**63), 2**63 - 1]]),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(0.1),
        "empty": torch.zeros(0, 3),
    }


def bits(x):
    return x.contiguous().numpy().tobytes()


def test_what_is_saved_is_loaded_bit_for_bit(path):
    save(path, tensors(), about=ABOUT)
    loaded, _ = load(path)
    assert loaded.keys() == tensors().keys()
    for name, expected in tensors().items():
        assert loaded[name].dtype == expected.dtype
        assert loaded[name].shape == expected.shape
        assert bits(loaded[name]) == bits(expected), name


def test_a_loaded_model_computes_what_the_saved_one_did(path):
    model, other = network(), network().double().float()
    with torch.no_grad():
        other[0].weight.zero_()
    save(path, model, about=ABOUT)
    header = load_into(path, other)
    x = torch.ones(5, 2)
    assert torch.equal(model(x), other(x))
    assert header["about"] == ABOUT


def test_tied_weights_stay_tied(path):
    model = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    model[1].weight = model[0].weight
    save(path, model, about=ABOUT)
    load_into(path, model)
    assert model[1].weight is model[0].weight


def test_the_header_names_the_versions_that_made_the_file(path):
    save(path, network(), about=ABOUT | {"note": [1, "two"]})
    _, header = load(path)
    assert header["about"]["note"] == [1, "two"]
    assert header["versions"]["torch"] == str(torch.__version__)
    assert {"python", "lecture_utils"} <= header["versions"].keys()


def test_every_truncation_is_refused(path):
    save(path, network(), about=ABOUT)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=rf"{length} bytes that is truncated"):
            load(path)


def test_a_file_that_is_too_long_is_refused(path):
    save(path, network(), about=ABOUT)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="damaged"):
        load(path)


class Bomb:
    """A pickle that leaves a trace if it is ever opened."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return (open, (self.trace, "w"))


def pickles(bomb):
    yield from (pickle.dumps(bomb, protocol) for protocol in (2, 3, 4, 5))
    for as_zip in (True, False):
        buffer = io.BytesIO()
        torch.save({"w": bomb}, buffer, _use_new_zipfile_serialization=as_zip)
        yield buffer.getvalue()


def test_a_pickle_is_refused_and_never_opened(path, tmp_path):
    trace = tmp_path / "trace"
    for data in pickles(Bomb(trace)):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="pickle.*not opened"):
            load(path)
        assert not trace.exists()
    pickle.loads(next(pickles(Bomb(trace)))).close()
    assert trace.exists(), "the bomb must work, or this test shows nothing"


def test_a_header_as_long_as_a_pickle_starts_is_no_pickle(path):
    """640 bytes of header make the file begin with the first bytes of a pickle."""
    for n in range(1000):
        save(path, {"w": torch.ones(1)}, about=ABOUT | {"note": "x" * n})
        if path.read_bytes()[:2] == b"\x80\x02":
            break
    else:
        pytest.fail("no header of 640 bytes was made")
    assert load(path)[0]["w"] == 1
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="truncated"):
        load(path)


@pytest.mark.parametrize(
    "data", [b"weights: 1, 2, 3, 4", json.dumps({"weights": [1.0] * 9}).encode()]
)
def test_another_format_is_named(path, data):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"another format, starting with b'"):
        load(path)


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        (None, r"without its header \(metadata: \[\]\)"),
        ({"format": "pt"}, r"metadata: \['format'\]"),
        ({"lecture_utils": "not json"}, "without its header"),
        ({"lecture_utils": "[]"}, "without its header"),
        (
            {
                "lecture_utils": json.dumps(
                    {"format": checkpoints.FORMAT, "version": 2, "about": {}}
                )
            },
            "version 1, found 2",
        ),
    ],
)
def test_a_safetensors_file_of_another_origin_is_refused(path, metadata, found):
    safetensors.torch.save_file({"w": torch.ones(1)}, path, metadata)
    with pytest.raises(ValueError, match=found):
        load(path)


def test_a_missing_file_is_not_found(path):
    with pytest.raises(FileNotFoundError):
        load(path)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (network(4), r"0.weight is \(3, 2\) torch.float32 instead of \(4, 2\)"),
        (network().double(), "0.bias is .3,. torch.float32 instead of .3,. torch.fl"),
        (network()[:1], "2.bias is unknown; 2.weight is unknown"),
        (nn.Sequential(*network(), nn.Linear(2, 2)), "3.bias is missing; 3.weight"),
    ],
)
def test_a_model_that_does_not_fit_is_named_and_left_alone(path, model, problem):
    save(path, network(), about=ABOUT)
    before = {name: x.clone() for name, x in model.state_dict().items()}
    with pytest.raises(ValueError, match=problem):
        load_into(path, model)
    for name, x in model.state_dict().items():
        assert torch.equal(x, before[name])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_saved(path, bad):
    with pytest.raises(ValueError, match="1 of the 2 entries of w are nan or inf"):
        save(path, {"w": torch.tensor([1.0, bad])}, about=ABOUT)
    assert not path.exists()


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        ({"what": "flow map"}, r"\['training', 'seed'\] missing"),
        (ABOUT | {"loss": float("nan")}, "Try float"),
        (ABOUT | {"loss": torch.ones(1)}, "Try float"),
    ],
)
def test_an_incomplete_description_is_refused(path, about, problem):
    with pytest.raises(ValueError, match=problem):
        save(path, network(), about=about)
    assert not path.exists()


def test_an_interrupted_save_leaves_the_old_file(path, monkeypatch):
    save(path, {"w": torch.zeros(1)}, about=ABOUT)

    def power_cut(file_descriptor):
        raise OSError("power cut")

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(OSError, match="power cut"):
        save(path, {"w": torch.ones(1)}, about=ABOUT)
    assert load(path)[0]["w"] == 0
    assert list(path.parent.iterdir()) == [path]
