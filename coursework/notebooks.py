"""Notebooks of students, read with suspicion: nothing here executes or trusts one."""

import json
import os
from pathlib import Path

LARGEST = 20 * 1024**2  # bytes
MOST_CELLS = 1000


class Unreadable(Exception):
    """A submitted file is no notebook we can grade; says why, to the student."""


def contents(path: Path) -> bytes:
    """The bytes of a submitted file.

    Raises:
        Unreadable: If it is a link, no file, or huge.
    """
    if path.is_symlink() or not path.is_file():
        raise Unreadable("What was handed in is a link or no file.")
    if path.stat().st_size > LARGEST:
        size = path.stat().st_size / 1024**2
        raise Unreadable(
            f"The notebook has {size:.0f} MB, more than {LARGEST // 1024**2}. Clear "
            "its outputs and hand it in again."
        )
    with os.fdopen(os.open(path, os.O_RDONLY), "rb") as file:
        return file.read(LARGEST + 1)


def read_notebook(data: bytes) -> dict:
    """The notebook in a file, reduced to what we use.

    Raises:
        Unreadable: If it is none, or not for Python.
    """
    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable("The file is not in UTF-8: save it from Jupyter.") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            "The file is no notebook, or damaged: open it in Jupyter, save it, and "
            "hand it in again."
        ) from error
    if type(raw) is not dict or type(raw.get("cells")) is not list:
        raise Unreadable("The file is no notebook of format 4: save it from Jupyter.")
    metadata = raw.get("metadata") if type(raw.get("metadata")) is dict else {}
    _check_language(metadata)  # type: ignore[arg-type]
    if len(raw["cells"]) > MOST_CELLS:
        raise Unreadable(f"The notebook has more than {MOST_CELLS} cells.")
    return {"metadata": metadata, "cells": [_cell(cell) for cell in raw["cells"]]}


def _check_language(metadata: dict) -> None:
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        entry = metadata.get(key)
        language = entry.get(name) if type(entry) is dict else None
        if type(language) is str and language.lower() not in ("python", "python3", ""):
            raise Unreadable(
                f"The notebook is for {language[:30]}, not for Python: choose a Python "
                "kernel, run it, and hand it in again."
            )


def _cell(raw: object) -> dict:
    if type(raw) is not dict:
        raise Unreadable("The file is damaged: a cell is no cell.")
    source, metadata = raw.get("source", ""), raw.get("metadata", {})
    if type(source) is list and all(type(line) is str for line in source):
        source = "".join(source)
    if type(source) is not str:
        raise Unreadable("The file is damaged: a cell has no text.")
    mark = metadata.get("nbgrader") if type(metadata) is dict else None
    kind = "code" if raw.get("cell_type") == "code" else "markdown"
    # Half a pair of surrogates is JSON, but no text.
    source = source.encode("utf-8", "replace").decode("utf-8")
    return {"kind": kind, "source": source, "mark": mark if type(mark) is dict else {}}
