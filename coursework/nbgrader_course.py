"""The course in nbgrader's hands: its folder, gradebook and feedback.

nbgrader strips solutions, keeps points and hand grading, and renders feedback. It is
never asked to run ``autograde``, which would execute student code beside hidden tests.
"""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

CONFIG = '''\
"""Lets `jupyter lab` or `nbgrader formgrader`, started here, find this course."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "neural_differential_equations"
c.CourseDirectory.root = {root!r}
'''


def api(folder: Path) -> NbGraderAPI:
    """nbgrader, looking at the course in a folder."""
    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = database(folder)
    config.CourseDirectory.course_id = "neural_differential_equations"
    config.HTMLExporter.sanitize_html = True  # students could put scripts into cells
    config.Application.log_level = logging.ERROR
    return NbGraderAPI(config=config)


def database(folder: Path) -> str:
    """Address of the gradebook."""
    return f"sqlite:///{folder.resolve() / 'gradebook.db'}"


@contextlib.contextmanager
def gradebook(folder: Path) -> Iterator[Gradebook]:
    """The gradebook, open."""
    with _quietly(), Gradebook(database(folder)) as found:
        yield found


def register(folder: Path, names: list[str]) -> None:
    """Strip the notebooks of ``source`` into ``release`` and note their points.

    Raises:
        RuntimeError: If nbgrader refuses one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(CONFIG.format(root=str(folder)))
    for name in names:
        _run(api(folder).generate_assignment, name, force=True, create=True)


def render_feedback(folder: Path, name: str) -> None:
    """Write the feedback pages of all students for one assignment.

    Raises:
        RuntimeError: If nbgrader fails.
    """
    _run(api(folder).generate_feedback, name, force=True)


def _run(task, name: str, **options) -> None:
    with _quietly():
        result = task(name, **options)
    if not result["success"]:
        reason = f"{result.get('log', '')}\n{result.get('error', '')}"
        raise RuntimeError(f"nbgrader could not process {name}: {reason}")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without warnings, and with ``alembic``, which nbgrader starts by its name."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.environ["PATH"] = before
