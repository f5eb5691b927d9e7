"""Make ``.venv`` from requirements.txt. Standard library only."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements.txt"
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def environment_python() -> Path:
    """The interpreter inside ``.venv``."""
    if os.name == "nt":
        return ENVIRONMENT / "Scripts" / "python.exe"
    return ENVIRONMENT / "bin" / "python"


def ensure_environment() -> Path:
    """Create or update ``.venv`` if requirements or Python changed; returns its Python.

    Raises:
        SystemExit: If this Python is too old, or the installation fails.
    """
    if sys.version_info < (3, 11):  # noqa: UP036  (an older Python can start this)
        sys.exit(
            f"Python 3.11 or newer is needed, this is {platform.python_version()}. "
            "Try: make PYTHON=python3.11 book"
        )
    stamp = ENVIRONMENT / "complete"
    key = _environment_key()
    python = environment_python()
    if python.exists() and stamp.exists() and stamp.read_text() == key:
        return python
    print("Making .venv: about 2 GB, a few minutes on the first run.", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    try:
        venv.create(ENVIRONMENT, with_pip=True)
        _install(python)
    except subprocess.CalledProcessError as error:
        sys.exit(
            f"Could not make .venv: {error}. Is there a network, and 3 GB of disk? "
            "On Debian and Ubuntu, the package python3-venv is needed too."
        )
    stamp.write_text(key)  # last, so that an interrupted installation starts again
    return python


def _environment_key() -> str:
    # The base, so that the environment's own Python does not ask for another one.
    parts = [sys.version, sys.base_prefix, REQUIREMENTS.read_text()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _install(python: Path) -> None:
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-qq"]
    if platform.system() == "Linux" and not _has_nvidia_driver():
        # The default Linux wheel carries gigabytes of CUDA. No dependencies here: this
        # index is asked for torch alone, and only for this one call.
        torch = next(
            line for line in REQUIREMENTS.read_text().split() if line[:7] == "torch=="
        )
        print("  1 of 3: torch, CPU wheel", flush=True)
        cpu_only = ["--no-deps", "--index-url", CPU_WHEELS, "--retries", "1", torch]
        if subprocess.call([*pip, *cpu_only], stderr=subprocess.DEVNULL):
            print("  no CPU wheel to be had: taking the default one", flush=True)
    print("  2 of 3: everything in requirements.txt", flush=True)
    subprocess.check_call([*pip, "-r", str(REQUIREMENTS)])
    print("  3 of 3: lecture_utils, editable", flush=True)
    subprocess.check_call([*pip, "--no-deps", "-e", str(ROOT)])


def _has_nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or bool(
        shutil.which("nvidia-smi")
    )
