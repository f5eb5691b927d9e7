"""An address that moved, in a browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tools.addresses import forwarding


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_reader_of_an_old_address_arrives(
    browser: Browser, tmp_path: Path, has_scripts: bool
):
    for name, text in {
        "a/old.html": forwarding("a/old.html", "b/new.html"),
        "b/new.html": "<p id=here>arrived</p>",
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    page = browser.new_page(java_script_enabled=has_scripts)
    page.goto((tmp_path / "a" / "old.html").as_uri() + "#here")
    page.wait_for_url("**/b/new.html" + ("#here" if has_scripts else ""))
    page.close()
