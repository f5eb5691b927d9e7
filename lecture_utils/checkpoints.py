"""Trained networks in files: what was trained, how, and its tensors, bit for bit.

A checkpoint is a safetensors file with a JSON header. Nothing in it is ever executed:
pickles, which ``torch.save`` writes, are refused unread.
"""

import json
import os
import platform
import secrets
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

FORMAT = "lecture_utils checkpoint"
VERSION = 1
REQUIRED = ("what", "training", "seed")


def save(
    path: str | os.PathLike[str],
    model: nn.Module | Mapping[str, Tensor],
    *,
    about: Mapping[str, Any],
) -> None:
    """Write a model, or a state dict, so that `load` returns it bit for bit.

    The file appears complete or not at all: it is written beside ``path`` and renamed.

    Args:
        path: File to write, usually ``....safetensors``; replaced if it exists.
        model: Network, or dictionary of tensors of any shape.
        about: What JSON can hold, with at least ``"what"`` the model is, how its
            ``"training"`` went, and the ``"seed"``. The versions of Python, torch and
            this package are added.

    Raises:
        ValueError: If an entry of ``about`` is missing or is not JSON, or if the
            weights are not tensors or not finite. Nothing is written then.
    """
    state = model.state_dict() if isinstance(model, nn.Module) else model
    text = _header_text(about)
    # A copy each, because safetensors refuses tensors that share memory.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in _checked_state(state).items()
    }
    _replace(Path(path), safetensors.torch.save(tensors, {"lecture_utils": text}))


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint: its tensors, on the CPU, and its header.

    Returns:
        The state dict, for ``model.load_state_dict`` (`load_into` checks more), and
        the header with entries ``format``, ``version``, ``about`` and ``versions``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a whole checkpoint written by `save`.
    """
    path = Path(path)
    data = path.read_bytes()
    try:
        state = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} must be a checkpoint written by `save`, found {_describe(data)}."
        ) from error
    return state, _read_header(path, data)


def load_into(path: str | os.PathLike[str], model: nn.Module) -> dict[str, Any]:
    """Copy a checkpoint into ``model``, whatever its device, and return the header.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a checkpoint, or if the names, shapes or dtypes are
            not those of ``model``, which then stays as it was.
    """
    state, header = load(path)
    expected = model.state_dict()
    problems = [f"{name} is missing" for name in expected.keys() - state.keys()]
    problems += [f"{name} is unknown" for name in state.keys() - expected.keys()]
    for name in expected.keys() & state.keys():
        found, wanted = (
            f"{tuple(x.shape)} {x.dtype}" for x in (state[name], expected[name])
        )
        if found != wanted:
            problems.append(f"{name} is {found} instead of {wanted}")
    if problems:
        raise ValueError(
            f"{path} must hold the tensors of this {type(model).__name__}, but "
            f"{'; '.join(sorted(problems))}. Build the model as it was trained: "
            f"{header['about']}."
        )
    model.load_state_dict(state)
    return header


def _header_text(about: Mapping[str, Any]) -> str:
    missing = [key for key in REQUIRED if key not in about]
    if missing:
        raise ValueError(
            f"about must say what the model is and how it was made: {missing} missing, "
            f"found {sorted(map(str, about))}."
        )
    versions = {"python": platform.python_version(), "torch": str(torch.__version__)}
    try:
        versions["lecture_utils"] = metadata.version("lecture_utils")
    except metadata.PackageNotFoundError:  # run from a checkout, without installing
        versions["lecture_utils"] = "not installed"
    header = {"format": FORMAT, "version": VERSION, "about": dict(about)}
    try:
        return json.dumps(header | {"versions": versions}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"about must hold what JSON can: finite numbers, strings, lists, {error}. "
            "Try float(x) or x.tolist()."
        ) from error


def _checked_state(state: Mapping[str, Any]) -> Mapping[str, Tensor]:
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise ValueError(
                f"All entries must be dense tensors, but {name} is "
                f"{type(value).__name__}. Save only model.state_dict()."
            )
        if not value.isfinite().all():
            n_bad = int((~value.isfinite()).sum())
            raise ValueError(
                f"Weights must be finite, but {n_bad} of the {value.numel()} entries "
                f"of {name} are nan or inf. Train again with a smaller learning rate."
            )
    return state


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _describe(data: bytes) -> str:
    if data[:4] == b"PK\x03\x04":
        return (
            "a zip archive, such as torch.save writes. It holds a pickle, which can "
            "run any program, so it is not opened: ask its author for a safetensors "
            "file"
        )
    # A safetensors file starts with 8 bytes of header length, then a brace. It comes
    # before the pickle because a header of 640 bytes starts like one.
    if data[8:9] == b"{" or len(data) < 9:
        return (
            f"a file of {len(data)} bytes that is truncated or damaged. Copy or "
            "download it again"
        )
    if data[:1] == b"\x80":
        return (
            "a pickle. Unpickling can run any program, so it is not opened: ask its "
            "author for a safetensors file"
        )
    return f"another format, starting with {data[:16]!r}. Is it the right file"


def _read_header(path: Path, data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    found = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    try:
        header = json.loads(found["lecture_utils"])
        whole = header["format"] == FORMAT and isinstance(header["about"], dict)
        version = header["version"]
    except (KeyError, TypeError, ValueError):
        whole, version, header = False, None, {}
    if not whole:
        raise ValueError(
            f"{path} must be a checkpoint written by `save`, found a safetensors file "
            f"without its header (metadata: {sorted(found)}). If you trust its "
            "source, read it with safetensors.torch.load_file and `save` it."
        )
    if version != VERSION:
        raise ValueError(
            f"{path} must be a checkpoint of version {VERSION}, found {version!r}. "
            "Update lecture_utils."
        )
    return header
