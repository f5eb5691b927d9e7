"""Indexes, citations and links to the glossary, made from chapters and package.

Pages in git hold markers, such as ``<!-- index of systems -->``; the build puts the
lists in their place. Nothing is imported to make them: sources are read, not run.
"""

import ast
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nbformat
import yaml

from tools import reading

SYSTEMS = ("systems", "systems_more")
METHODS = (
    "integrators",
    "flows",
    "interpolation",
    "hits",
    "level_selection",
    "parareal",
    "nets",
    "approximation",
    "hamiltonian",
    "pinn",
    "error_bounds",
    "training",
)
STATEMENT = re.compile(r"```\{prf:(\w+)\} *([^\n]*)\n:label: *(\S+)")
TERM = re.compile(r"(?m)^(?!:|```)(\S[^\n]*)\n(?=  \S)")  # of a glossary directive
# Of Markdown, what is no running text: blocks, headings, tables, formulas, code, links.
NO_PROSE = re.compile(
    r"^```.*?^```[ ]*$|^(?:\#|\||:|\()[^\n]*$|\$\$.*?\$\$|\$[^$\n]+\$"
    r"|\{[\w:.-]+\}`[^`]*`|`[^`\n]*`|\[[^\]\n]*\]\([^)]*\)|<!--.*?-->|\*\*[^*\n]+\*\*",
    re.MULTILINE | re.DOTALL,
)


def filled(root: Path, text: str, chapters: list[str]) -> str:
    """A page with its markers replaced by the lists they name.

    Args:
        root: Folder of the project.
        text: Markdown.
        chapters: Notebooks in the order of the book, relative to ``root``.
    """
    makers = {
        "index of statements": statements,
        "index of systems": partial(used, modules=SYSTEMS),
        "index of methods": partial(used, modules=METHODS),
        "citations": citations,
        "reading rule": lambda root, chapters: reading.RULE,
    }
    for name, make in makers.items():
        marker = f"<!-- {name} -->"
        if marker in text:
            text = text.replace(marker, make(root, chapters))
    return text


def statements(root: Path, chapters: list[str]) -> str:
    """A table of all definitions, theorems, algorithms, ... with links."""
    rows = [
        f"| {{prf:ref}}`{label}` | {title or kind} | {_doc(chapter)} |"
        for chapter in chapters
        for kind, title, label in STATEMENT.findall(_text(root, chapter))
    ]
    head = ["| number | what it is about | chapter |", "|---|---|---|"]
    return "\n".join([*head, *rows])


def used(root: Path, chapters: list[str], modules: tuple[str, ...]) -> str:
    """A table of what the modules define and a chapter imports, with its summary."""
    code = {chapter: _code(root, chapter) for chapter in chapters}
    rows = []
    for module in modules:
        line = rf"from lecture_utils\.{module} import (\([^)]*\)|[^\n]*)"
        names = {c: " ".join(re.findall(line, code[c])) for c in chapters}
        for name, summary in _public(root / "lecture_utils" / f"{module}.py"):
            users = [c for c in chapters if re.search(rf"\b{name}\b", names[c])]
            if users:
                where = ", ".join(_doc(chapter) for chapter in users)
                rows.append(f"| `{name}` | {summary} | {where} |")
    return "\n".join(
        ["| name | what it is | used in |", "|---|---|---|", *sorted(rows)]
    )


def citations(root: Path, chapters: list[str]) -> str:
    """A BibTeX entry for the book and one for each chapter."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    year = config["copyright"][:4]
    address = config["repository"]["url"]
    url = f",\n  url = {{{address}}}" if address else ""
    common = f"author = {{{{{config['author']}}}}},\n  year = {{{year}}}{url}"
    title = config["title"]
    entries = [f"@book{{nnde,\n  title = {{{title}}},\n  {common}\n}}"]
    for chapter in chapters:
        name = _text(root, chapter).splitlines()[0].lstrip("# ")
        entries.append(
            f"@incollection{{nnde_{Path(chapter).stem},\n  title = {{{name}}},\n"
            f"  booktitle = {{{title}}},\n  {common}\n}}"
        )
    return "```bibtex\n" + "\n\n".join(entries) + "\n```"


def terms(root: Path) -> set[str]:
    """What the glossary explains."""
    text = (root / "book" / "glossary.md").read_text(encoding="utf-8")
    return set(TERM.findall(text[text.index("```{glossary}") :]))


def linked(source: str, known: set[str]) -> str:
    """Markdown in which **terms** link to the glossary; those linked leave ``known``.

    Terms are bold where a chapter introduces them; in running text they are taken for
    terms if they cannot be common words, such as ``order``. So called with the cells of
    a chapter in order and one set, it links the first use of each.
    """

    def link(match: re.Match[str]) -> str:
        if match[1] not in known:
            return match[0]
        known.remove(match[1])
        return f"**{{term}}`{match[1]}`**"

    source = re.sub(r"\*\*([^*`\n]+)\*\*", link, source)
    for term in sorted(filter(_is_no_common_word, known)):
        use = re.compile(rf"(?<![\w-]){re.escape(term)}(s?)(?![\w-])")
        for start, end in _prose(source):
            if match := use.search(source, start, end):
                shown = f"{match[0]} <{term}>" if match[1] else term
                role = f"{{term}}`{shown}`"
                source = source[: match.start()] + role + source[match.end() :]
                known.remove(term)
                break
    return source


def _is_no_common_word(term: str) -> bool:
    return bool(re.search(r"[A-Z -]", term)) or term in ("symplectic", "streamfunction")


def _prose(source: str) -> Iterator[tuple[int, int]]:
    """Where the running text of a piece of Markdown begins and ends."""
    start = 0
    for other in NO_PROSE.finditer(source):
        yield start, other.start()
        start = other.end()
    yield start, len(source)


def _public(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name[0] != "_":
            yield node.name, _summary(ast.get_docstring(node) or "")


def _summary(docstring: str) -> str:
    """The first sentence, as Markdown that fits into a cell of a table."""
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    sentence = re.split(r"(?<=\.)(?<!Sec\.)(?<!Fig\.)\s(?![a-z])", paragraph)[0]
    sentence = re.sub(r":math:`([^`]*)`", r"$\1$", sentence.replace("``", "`"))
    return sentence.replace("|", r"\|")


def _doc(chapter: str) -> str:
    return f"{{doc}}`/{Path(chapter).with_suffix('').as_posix()}`"


def _cells(root: Path, chapter: str, kind: str) -> str:
    notebook = nbformat.read(root / chapter, as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == kind)


def _text(root: Path, chapter: str) -> str:
    return _cells(root, chapter, "markdown")


def _code(root: Path, chapter: str) -> str:
    return _cells(root, chapter, "code")
