"""Sphinx extension: pages load nothing from the network.

MathJax is served from the build itself, taken from the package sphinx-mathjax-offline
without the parts that no page of this book can ask for. The scripts of sphinx-thebe,
which Jupyter Book loads whether it is used or not, are left out: they name a host
elsewhere, and declare a constant twice.
"""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PACKAGE = "sphinx-mathjax-offline"
# 3.5 of the package's 24 MB: one entry point, its fonts, what \require and the
# accessibility menu load on demand
MATHJAX = [
    "tex-chtml.js",
    "output/chtml/fonts",
    "input/tex/extensions",
    "a11y",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
    "sre/mathmaps/nemeth.json",
]


def set_mathjax_path(app: Sphinx) -> None:
    """Let pages load MathJax from the build's own static folder."""
    app.config["mathjax_path"] = f"mathjax/{MATHJAX[0]}"


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Copy MathJax beside the built pages, unless the last build did."""
    if error is not None or app.builder.format != "html":
        return
    source = _mathjax_folder()
    target = Path(app.outdir) / "_static" / "mathjax"
    for name in MATHJAX:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        else:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)


def _mathjax_folder() -> Path:
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise ExtensionError(
            f"The pages need MathJax from the package {PACKAGE}, which is not "
            "installed. Run: python -m pip install -r requirements.txt"
        )
    return Path(package.origin).parent / "static" / "mathjax"


def drop_thebe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take the scripts and styles of sphinx-thebe out of a page."""
    for kind in ("script_files", "css_files"):
        if kind in context:
            context[kind] = [it for it in context[kind] if not _is_thebe(it)]


def _is_thebe(asset: Any) -> bool:
    body = getattr(asset, "attributes", {}).get("body") or ""
    return "thebe" in str(asset).lower() or "THEBE_JS_URL" in body


# Sphinx fetches every page found to quote from it, which a page from the disk may not
NO_QUOTES = (
    "if (location.protocol === 'file:') "
    "DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;"
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to the build."""
    app.connect("builder-inited", set_mathjax_path)
    app.add_js_file(None, body=NO_QUOTES)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
