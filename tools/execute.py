"""Execute the chapters that changed, and keep their outputs in ``_build/executed``.

A chapter is stale when its code changed, or requirements.txt, or Python, or anything it
read when it last ran: modules of this project, results, weights, style files (noted by
``tools/reads.py``). Editing prose alone executes nothing.
"""

import copy
import hashlib
import json
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

CELL_TIMEOUT = 300  # s; a whole chapter has 90 s


class ChapterError(Exception):
    """A cell of a chapter failed; the message names both."""


def executed_chapter(root: Path, chapter: str) -> nbformat.NotebookNode:
    """The chapter with outputs: those of the last build if nothing changed, else new.

    Args:
        root: Folder of the project.
        chapter: Path of the notebook below ``root``.

    Returns:
        The source notebook with outputs, and under ``metadata.build``: ``key``,
        ``reads``, ``claims``, ``machine``, ``seconds`` and ``cpu_seconds``.

    Raises:
        ChapterError: If a cell fails, names the chapter and the cell.
    """
    notebook = nbformat.read(root / chapter, as_version=4)
    key = code_key(root, notebook)
    stored = stored_chapter(root, chapter)
    if stored is None or is_stale(root, stored, key):
        stored = _execute(root, chapter, notebook, key)
        _write(stored_path(root, chapter), stored)
    return with_outputs(notebook, stored)


def stored_path(root: Path, chapter: str) -> Path:
    """Where the build keeps a chapter's outputs."""
    return root / "_build" / "executed" / chapter


def stored_chapter(root: Path, chapter: str) -> nbformat.NotebookNode | None:
    """The last execution of a chapter, or None if there is no readable one."""
    try:
        return nbformat.read(stored_path(root, chapter), as_version=4)
    except (FileNotFoundError, nbformat.reader.NotJSONError):
        return None


def is_stale(root: Path, stored: nbformat.NotebookNode, key: str) -> bool:
    """Whether something the chapter depends on changed since ``stored`` was made."""
    build = stored.metadata.get("build", {})
    return build.get("key") != key or any(
        fingerprint(root / path) != known for path, known in build["reads"].items()
    )


def code_key(root: Path, notebook: nbformat.NotebookNode) -> str:
    """Digest of what is known before running: code, requirements, Python."""
    cells = [
        [c.source, sorted(c.metadata.get("tags", []))]
        for c in notebook.cells
        if c.cell_type == "code"
    ]
    requirements = (root / "requirements.txt").read_text()
    known = json.dumps([cells, requirements, sys.version])
    return hashlib.sha256(known.encode()).hexdigest()


def fingerprint(path: Path) -> str:
    """Digest of a file's bytes, or of the names in a folder; "" if it is gone."""
    if path.is_dir():
        names = sorted(p.name for p in path.iterdir() if p.name != "__pycache__")
        return hashlib.sha256("\n".join(names).encode()).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _execute(
    root: Path, chapter: str, notebook: nbformat.NotebookNode, key: str
) -> nbformat.NotebookNode:
    notebook = copy.deepcopy(notebook)
    n_code = sum(cell.cell_type == "code" for cell in notebook.cells)
    done = started = 0

    def progress(cell: nbformat.NotebookNode, cell_index: int) -> None:
        nonlocal done, started
        started = cell_index
        if cell.cell_type == "code":
            done += 1
            end = "\n" if not sys.stdout.isatty() else "\r"
            if end == "\r" or done % 10 == 0 or done == n_code:
                print(f"  {chapter}: code cell {done} of {n_code}", end=end, flush=True)

    print(f"Executing {chapter}", flush=True)
    start, cpu = time.monotonic(), _cpu_seconds_of_kernels()
    with tempfile.TemporaryDirectory() as folder:
        claims, reads = Path(folder) / "claims.jsonl", Path(folder) / "reads.txt"
        claims.touch()
        reads.touch()
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str((root / chapter).parent)}},
            on_cell_start=progress,
        )
        try:
            client.execute(env=_kernel_environment(root, claims, reads))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise ChapterError(_describe(chapter, notebook, started, error)) from None
        notebook.metadata["build"] = {
            "key": key,
            "reads": {
                path: fingerprint(root / path)
                for path in sorted(set(reads.read_text().splitlines()))
                if root / path != (root / chapter).parent  # where Python looks first
            },
            "claims": [json.loads(row) for row in claims.read_text().splitlines()],
            "machine": machine(),
            "seconds": round(time.monotonic() - start, 1),
            "cpu_seconds": round(_cpu_seconds_of_kernels() - cpu, 1),
        }
    print(f"  {chapter}: {notebook.metadata['build']['seconds']} s", flush=True)
    return notebook


def _cpu_seconds_of_kernels() -> float:
    """Processor time of the kernels that have ended; 0 on Windows, which keeps none."""
    times = os.times()
    return times.children_user + times.children_system


def _kernel_environment(root: Path, claims: Path, reads: Path) -> dict[str, str]:
    return os.environ | {
        "BOOK_STATIC": "1",
        "BOOK_CLAIMS": str(claims),
        "BOOK_READS": str(reads),
        "BOOK_ROOT": str(root),
        "PYTHONSTARTUP": str(Path(__file__).with_name("reads.py")),
        "PYTHONPATH": str(root),
        "PYTHONHASHSEED": "0",
    }


def _describe(
    chapter: str, notebook: nbformat.NotebookNode, i: int, error: Exception
) -> str:
    """Chapter, cell and what went wrong, the way an author looks for it."""
    headings = [
        heading
        for cell in notebook.cells[:i]
        if cell.cell_type == "markdown"
        for heading in re.findall(r"(?m)^#+ (.+)$", cell.source)
    ]
    heading = headings[-1] if headings else ""
    cell = notebook.cells[i]
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # tracebacks come in colours
    return (
        f"{chapter}: cell {i + 1} of {len(notebook.cells)} (id {cell.get('id')}, in "
        f'"{heading}") failed.\n{cell.source}\n{"-" * 60}\n{plain}'
    )


def machine() -> dict[str, str | int]:
    """What this computer is, for the record beside timings."""
    import torch

    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "date": time.strftime("%Y-%m-%d"),
    }


def with_outputs(
    notebook: nbformat.NotebookNode, stored: nbformat.NotebookNode
) -> nbformat.NotebookNode:
    """The source as it is now, with the outputs of an execution of the same code."""
    outputs = (cell for cell in stored.cells if cell.cell_type == "code")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            ran = next(outputs)
            cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    notebook.metadata["build"] = stored.metadata["build"]
    return notebook


def _write(path: Path, notebook: nbformat.NotebookNode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    nbformat.write(notebook, temporary)
    os.replace(temporary, path)
