"""The zip: whole, the same twice, and nothing in it that asks for a network."""

import os
import zipfile

import pytest

from tools.offline import FOLDER, loaded_from_elsewhere, pack


@pytest.fixture
def html(tmp_path):
    """A built book of two files and one that only a server needs."""
    folder = tmp_path / "html"
    (folder / "_static").mkdir(parents=True)
    (folder / "index.html").write_text("<p>hello</p>")
    (folder / "_static" / "book.css").write_text("p { color: red }")
    (folder / ".buildinfo").write_text("changes")
    return folder


def test_the_same_pages_give_the_same_bytes(html, tmp_path):
    pack(html, tmp_path / "one.zip")
    os.utime(html / "index.html", (1e9, 1e9))
    (html / "_static" / "book.css").chmod(0o600)
    (html / ".buildinfo").write_text("another run")
    pack(html, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_every_file_is_in_it_below_one_folder(html, tmp_path):
    assert pack(html, tmp_path / "book.zip") == 2
    with zipfile.ZipFile(tmp_path / "book.zip") as archive:
        names = [f"{FOLDER}/_static/book.css", f"{FOLDER}/index.html"]
        assert archive.namelist() == names
        assert archive.read(names[1]) == b"<p>hello</p>"
    assert not list(tmp_path.glob("*.part"))


def test_an_empty_folder_is_no_book(tmp_path):
    with pytest.raises(ValueError, match="make book"):
        pack(tmp_path, tmp_path / "book.zip")


@pytest.mark.parametrize(
    ("tag", "is_foreign"),
    [
        ('<script src="https://cdn.example/a.js"></script>', True),
        ('<script async="async" src="//cdn.example/a.js"></script>', True),
        ('<link href="https://cdn.example/a.css" rel="stylesheet" />', True),
        ("<img alt='x' src='http://pictures.example/a.png'>", True),
        ('<link rel="canonical" href="https://someone.github.io/book/" />', False),
        ('<a href="https://arxiv.org/abs/2412.16787">a link is no request</a>', False),
        ('<script src="_static/a.js"></script>', False),
    ],
)
def test_what_a_page_fetches_is_told_from_what_it_links_to(html, tag, is_foreign):
    (html / "index.html").write_text(tag)
    assert bool(loaded_from_elsewhere(html)) == is_foreign
