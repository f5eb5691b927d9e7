"""Markdown as its reader sees it: blocks of prose with their numbers in one notation.

Markup, code, links, labels and references vanish; what is printed stays, wherever it
stands: in emphasis, headings, tables, captions, admonitions or formulas. All ways to
write a power of ten become ``2.3@-13``, a formula becomes its numbers and placeholders.
"""

import html
import re
import unicodedata
from dataclasses import dataclass, field

# Characters that stand for something else in the shown text (Unicode private use).
THING = "\ue000"  # a symbol, a piece of code, a reference, a version: no number
FORMULA, FORMULA_END = "\ue001", "\ue002"
CITATION = "\ue003"
TIMES_TEN_TO = "\ue004"
FIRST_COMMENT = 0xE100  # comment i of a block is chr(FIRST_COMMENT + i)

FENCE = re.compile(r"\s*(?:>\s*)*(`{3,}|~{3,}|:{3,})\s*(?:\{([\w:.-]+)\})?([^`]*)$")
CODE = {"", "code", "code-block", "code-cell", "literalinclude", "raw", "mermaid"}
CODE |= {"bibliography", "tableofcontents", "toctree", "math"}  # math: handled apart
PATH_TITLE = {"figure", "image", "include", "math"}
DEFINING = {"definition", "theorem", "lemma", "proposition", "corollary", "property"}
DEFINING |= {"axiom", "assumption", "algorithm", "criterion", "example", "proof"}
OPTION = re.compile(r"\s*:([\w-]+):\s*(.*)$")
ITEM = re.compile(r"\s*(?:>\s*)*(?:[-*+]|\d{1,3}[.)])\s+")
HEADING = re.compile(r"(#{1,6})\s")
NOT_SHOWN = re.compile(r"\s*(?:\([^()]*\)=|\+\+\+.*|%.*|\[[^\]^]+\]:\s+\S+)\s*$")

INLINE = re.compile(
    r"""
    <!--(?P<comment>.*?)-->
    | (?:\{(?P<role>[\w:.-]+)\})? (?<!`)(?P<ticks>`+)(?!`)
      (?P<code>.+?) (?<!`)(?P=ticks)(?!`)
    | (?<!\\)(?P<dollars>\${1,2})(?P<formula>[^$]+?)(?<!\\)(?P=dollars)
      (?P<label>[ ]*\([a-zA-Z][\w:.-]*\)[ ]*(?=\n|$))?
    | \\begin\{(?P<env>\w+\*?)\}(?P<display>.*?)\\end\{(?P=env)\}
    | \]\((?:[^()\s]|\([^()]*\))+(?:\s+"(?P<title>[^"]*)")?\)
    | (?P<url><?\b(?:https?://|doi:\s*10\.|arxiv:\s*\d{4}\.\d{4})[^\s>)\]]*>?)
    | <(?P<hidden>script|style)\b.*?</(?P=hidden)>
    | <sup>(?P<raised>.*?)</sup>
    | (?P<tag></?[a-zA-Z][^<>]*>)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
RAISED = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
                       "\u207b\u207a", "0123456789-+")  # fmt: skip
SYMBOLS = {r"\times": "\u00d7", r"\cdot": "\u00b7", r"\%": "%", "*": "\u00b7"}
IN_FORMULA = re.compile(
    r"""\\(?:text|textrm|mathrm)\s*\{(?P<words>[^{}]*)\}
    | (?P<space>\\[,;:!>\ ]|~|\s+)
    | \{(?P<point>[.,])\} | (?P<comma>,(?!\d{3}(?!\d)))
    | (?P<symbol>\\(?:[a-zA-Z]+\*?|.)|\*)
    | (?P<letter>(?<!\d)[eE]|[eE](?![-+]?\d)|[a-df-zA-DF-Z&])""",
    re.VERBOSE | re.DOTALL,
)
POWER_OF_TEN = re.compile(
    rf"(?P<times>(?<=[\d.])[{FORMULA_END}\s]*[\u00d7\u00b7*xX]\s*{FORMULA}?\s*)?"
    r"(?<![\d.])10\s*(?:\^|\*\*(?=-))\s*(?:\{\s*([-+]?\d+)\s*\}|([-+]?\d+))"
)


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, list item or table row, as written."""

    text: str
    level: int = 0  # of a heading, else 0
    defines: bool = False  # inside a definition, theorem, ...


def blocks(source: str) -> list[Block]:
    """Split Markdown into blocks; code, labels and directive options are left out."""
    scanner = _Scanner()
    front_matter = re.match(r"---\n.*?\n---\n", source, flags=re.DOTALL)
    for line in source[front_matter.end() if front_matter else 0 :].splitlines():
        scanner.read(line)
    scanner.end_block()
    return scanner.found


@dataclass
class _Scanner:
    """Reads Markdown line by line, keeping the stack of open directives."""

    found: list[Block] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # of the block being read
    open: list[tuple[str, str]] = field(default_factory=list)  # (marker, directive)
    in_options: bool = False

    def read(self, line: str) -> None:
        fence, option = FENCE.match(line), OPTION.match(line)
        directive = self.open[-1][1] if self.open else None
        if _is_unfinished("\n".join(self.lines)):
            self.lines.append(line)
        elif fence and self._closes(*fence.groups()):
            self.end_block()
            self.open.pop()
        elif self.in_options and option:
            if option[1] in {"alt", "caption"}:
                self.add(option[2])
        elif directive in CODE and directive != "math":
            pass
        elif fence and directive != "math" and (fence[2] or fence[1][0] != ":"):
            self._open(fence[1], fence[2] or "", fence[3])
        else:
            self.in_options = False
            self._read_text(line)

    def _closes(self, marker: str, directive: str | None, rest: str) -> bool:
        if directive is not None or rest.strip() or not self.open:
            return False
        return marker[0] == self.open[-1][0][0] and len(marker) >= len(self.open[-1][0])

    def _open(self, marker: str, directive: str, title: str) -> None:
        self.end_block()
        self.open.append((marker, directive))
        self.in_options = bool(directive)
        if directive == "math" or directive not in CODE | PATH_TITLE:
            self.lines.append(title)
            self.end_block()

    def _read_text(self, line: str) -> None:
        heading, item = HEADING.match(line), ITEM.match(line)
        if heading or item or line.lstrip(" >").startswith("|"):
            self.end_block()
        if heading:
            self.add(line[heading.end() :], 0 if self.open else len(heading[1]))
        elif not line.strip(" >"):
            self.end_block()
        elif not NOT_SHOWN.match(line):
            self.lines.append(line[item.end() if item else 0 :])

    def end_block(self) -> None:
        text = "\n".join(self.lines)
        is_formula = self.open and self.open[-1][1] == "math"
        self.lines.clear()
        self.add(f"$${text}$$" if is_formula and text else text)

    def add(self, text: str, level: int = 0) -> None:
        names = {directive.removeprefix("prf:") for _, directive in self.open}
        if text.strip():
            self.found.append(Block(text, level, defines=bool(names & DEFINING)))


def _is_unfinished(text: str) -> bool:
    """Whether a comment or displayed formula goes on in the next line."""
    return (
        "-->" not in text.rsplit("<!--")[-1]
        if "<!--" in text
        else (text.count("$$") % 2 == 1)
    )


def shown(text: str) -> tuple[str, list[str]]:
    """The text a reader sees, and the HTML comments in it, marked by one character."""
    comments: list[str] = []
    raised = "[" + "".join(map(chr, RAISED)) + "]+"
    text = re.sub(raised, lambda m: f"^{{{m[0].translate(RAISED)}}}", text)
    text = re.sub("[\u200b-\u200d\u2060\ufeff\u00ad]", "", text)  # zero width
    text = _without_markup(unicodedata.normalize("NFKC", text), comments)
    text = re.sub(r"\\(?=[^\w\s])", "", html.unescape(text))
    text = text.replace("\u2212", "-")
    text = POWER_OF_TEN.sub(
        lambda m: f"{'' if m['times'] else '1'}{TIMES_TEN_TO}{m[2] or m[3]}", text
    )
    text = re.sub(r"\^\s*(?:\{\s*[-+]?\d+\s*\}|[-+]?\d)", THING, text)
    text = re.sub(r"\*+|~~|(?<!\w)_+|_+(?!\w)", "", text)
    return re.sub(r"\s+", " ", text).strip(), comments


def _without_markup(text: str, comments: list[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match["comment"] is not None:
            comments.append(" ".join(match["comment"].split()))
            return chr(FIRST_COMMENT + len(comments) - 1)
        if match["code"] is not None:
            return _role(match["role"], match["code"])
        if match["formula"] is not None or match["display"] is not None:
            return (
                FORMULA + _formula(match["formula"] or match["display"]) + FORMULA_END
            )
        if match["raised"] is not None:
            return f"^{{{match['raised']}}}"
        if match["tag"]:
            return " ".join(
                re.findall(r"""(?:alt|title)\s*=\s*["']([^"']*)""", match[0])
            )
        return f"] {match['title']}" if match["title"] else THING

    return INLINE.sub(replace, text)


def _role(role: str | None, content: str) -> str:
    if role is None:
        return THING
    if role.startswith("cite"):
        return CITATION
    if role == "math":
        return FORMULA + _formula(content) + FORMULA_END
    if role == "sup":
        return f"^{{{content}}}"
    title = re.match(r"(.*\S)\s*<[^<>]*>$", content, flags=re.DOTALL)
    if title or role in {"sub", "abbr", "strong", "emphasis"}:
        return title[1] if title else content
    return THING


def _formula(source: str) -> str:
    """Numbers and relations of a formula; letters and commands become ``THING``."""

    def replace(match: re.Match[str]) -> str:
        if match["words"] is not None:
            return match["words"]
        if match["space"] or match["comma"]:
            return ", " if match["comma"] else ""
        if match["point"]:
            return match["point"]
        return SYMBOLS.get(match[0], THING)

    source = re.sub(r"\\(?:tag|label|eqref|ref)\*?\{[^{}]*\}", "", source)
    index = r"(?<=[\w})\]|'])_(?:\{(?:[^{}]|\{[^{}]*\})*\}|\\[a-zA-Z]+|\w)"
    source = re.sub(index, "", source)
    source = re.sub(r"(?<=\.)\{(\d+)\}", r"\1", source)
    return IN_FORMULA.sub(replace, source)
