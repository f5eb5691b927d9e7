"""Find the computer's browser, and serve files to it: for the PDF and for the tests."""

import contextlib
import functools
import os
import platform
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOW_TO_GET_ONE = (
    "No Chromium, Chrome or Edge was found. Install one (Debian: apt install "
    "chromium; macOS: brew install --cask chromium; Windows has Edge), or name it: "
    "CHROMIUM=path."
)
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
PLACES = {
    "Darwin": [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ],
    "Windows": [
        rf"{os.environ.get(folder, '')}\{program}"
        for folder in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
        for program in (
            r"Google\Chrome\Application\chrome.exe",
            r"Microsoft\Edge\Application\msedge.exe",
        )
    ],
}
QUIET = [
    "--no-sandbox",  # needed where we run as root; our own pages only are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_browser() -> str | None:
    """The browser of this computer: Chromium or one made from it."""
    if given := os.environ.get("CHROMIUM"):
        return given
    found = [shutil.which(name) for name in [*NAMES, "msedge"]]
    places = [p for p in PLACES.get(platform.system(), []) if Path(p).is_file()]
    return next((path for path in [*found, *places] if path), None)


class _QuietHandler(SimpleHTTPRequestHandler):
    """Serve files without a line of log per request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder to this computer; the address ends with a slash."""
    handler = functools.partial(_QuietHandler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
