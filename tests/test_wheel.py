"""The package carries what the chapters load: one opened alone, elsewhere, runs."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tools.book import pages
from tools.execute import stored_chapter

ROOT = Path(__file__).parents[1]
CHAPTERS = [page for page in pages(ROOT) if page.endswith(".ipynb")]
LOADS_RESULTS_AND_WEIGHTS = "book/time_steppers/hierarchical_time_steppers.ipynb"
PACKAGES = ("lecture_utils", "reproductions")
LARGEST = 8_000_000  # bytes of the wheel
DISTRIBUTIONS = {"PIL": "pillow", "IPython": "ipython"}  # where a module differs
NO_CHAPTER_NEEDS = {"torchdiffeq"}  # the benchmark reproductions.speed alone


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is left beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    _pip(*build, str(source))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    _pip("install", "-q", "--no-deps", "--no-compile", "-t", str(folder), str(wheel))
    return folder


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run = subprocess.run([*command, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_wheel_holds_every_file_that_a_chapter_reads(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    for chapter in CHAPTERS:
        stored = stored_chapter(ROOT, chapter)
        assert stored is not None, "run make book"
        reads = {
            name for name in stored.metadata.build.reads if (ROOT / name).is_file()
        }
        assert reads - names == set(), f"{chapter} reads what the wheel lacks"


def test_the_wheel_is_small_and_holds_nothing_else(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    inside = (*(f"{name}/" for name in PACKAGES), "lecture_utils-")
    assert [name for name in names if not name.startswith(inside)] == []
    assert 1_000_000 < wheel.stat().st_size <= LARGEST


def test_whatever_package_or_chapter_imports_is_installed_with_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {line.split(">=")[0] for line in project["project"]["dependencies"]}
    sources = [
        p.read_text("utf-8") for it in PACKAGES for p in (ROOT / it).rglob("*.py")
    ]
    for chapter in CHAPTERS:
        cells = nbformat.read(ROOT / chapter, as_version=4).cells
        sources += [cell.source for cell in cells if cell.cell_type == "code"]
    used = {name for source in sources for name in _imported(source)}
    foreign = used - set(PACKAGES) - sys.stdlib_module_names - NO_CHAPTER_NEEDS
    assert {DISTRIBUTIONS.get(name, name) for name in foreign} <= declared


def _imported(source: str) -> set[str]:
    names = set()
    lines = [
        line for line in source.splitlines() if line.lstrip()[:1] not in ("%", "!")
    ]
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
    return names


def test_a_chapter_runs_alone_in_an_empty_folder(installed: Path, tmp_path: Path):
    assert run_alone(ROOT / LOADS_RESULTS_AND_WEIGHTS, installed, tmp_path) == set()


def run_alone(chapter: Path, installed: Path, empty: Path) -> set[str]:
    """Run a copy of a chapter in an empty folder; the files of ours it read.

    Raises:
        CellExecutionError: If a cell fails.
    """
    alone = empty / "alone"
    alone.mkdir()
    copy = Path(shutil.copy(chapter, alone))
    reads = empty / "reads.txt"
    reads.touch()
    notebook = nbformat.read(copy, as_version=4)
    here = f"import lecture_utils, reproductions, pathlib\nplace = {str(installed)!r}\n"
    here += "for it in (lecture_utils, reproductions):\n"
    here += "    assert pathlib.Path(it.__file__).parents[1] == pathlib.Path(place)"
    notebook.cells.append(nbformat.v4.new_code_cell(here))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BOOK_")}
    environment |= {
        "PYTHONPATH": str(installed),
        "PYTHONSTARTUP": str(ROOT / "tools" / "reads.py"),
        "BOOK_READS": str(reads),  # whatever is opened below the repository
        "BOOK_ROOT": str(ROOT),
    }
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(alone)}},
    )
    client.execute(env=environment)
    return set(reads.read_text().splitlines())
