"""Which numbers of a sentence a comment covers: claims, and numbers that are given."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.measured import NUMBER, PERCENT, Number, number_of
from tools.shown_text import (
    FIRST_COMMENT,
    FORMULA,
    FORMULA_END,
    TIMES_TEN_TO,
    Block,
    shown,
)

COVERED = "\ue005"  # stands for a number that a comment covers
COMMENT = re.compile(f"[{chr(FIRST_COMMENT)}-\uf8ff]")
CLAIM = re.compile(
    r"claim: ?(?P<name>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
    r"(?: at (?P<bound>most, but for rounding|most|least))?"
)
GIVEN = re.compile(r"given: ?.*[a-zA-Z]{3}.*")
# Reasons that name a place where a program could look: then let it look.
READABLE = re.compile(
    r"\btables? \d|\brecord|\bcounted\b|\bread off\b|\bprinted\b", re.I
)
TOUCHING = re.compile(
    rf"\d[.,]?{COVERED}|{COVERED}(?:[.,]?\d|e[-+]?\d|{TIMES_TEN_TO}|\s*{PERCENT}"
    rf"|\s*[\u00d7\u00b7x]\s*1{TIMES_TEN_TO})",
    re.IGNORECASE,
)
SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<! al\.)(?<!Sec\.)(?<!Fig\.)(?<!Eq\.)(?<!Eqs\.)"
    r"(?<!cf\.)(?<!vs\.)(?<!Thm\.)(?<!pp\.)(?<! p\.)\s+(?=[^a-z])"
)


@dataclass(frozen=True)
class Sentence:
    """A sentence as shown; ``COVERED`` stands for each number a comment covers."""

    where: str
    text: str
    quotes: Sequence[tuple[Number, re.Match[str]]]  # (number, match of CLAIM)
    problems: Sequence[str]


def sentences(block: Block, where: str) -> Iterator[Sentence]:
    """The sentences of a block; ``where`` names the chapter and the cell."""
    text, comments = shown(block.text)
    texts = SENTENCE_END.split(text)
    written = SENTENCE_END.split(" ".join(block.text.split()))
    if len(written) != len(texts):  # a formula or a link holds a full stop
        written = [" ".join(written)] * len(texts)
    for shown_text, as_written in zip(texts, written, strict=True):
        yield _sentence(shown_text, comments, f'{where}, "{as_written}"')


def _sentence(text: str, comments: Sequence[str], where: str) -> Sentence:
    covered: set[tuple[int, int]] = set()
    quotes: list[tuple[Number, re.Match[str]]] = []
    problems: list[str] = []
    for mark in COMMENT.finditer(text):
        comment = comments[ord(mark[0]) - FIRST_COMMENT]
        claim, given = CLAIM.fullmatch(comment), GIVEN.fullmatch(comment)
        if not claim and not given:
            problems += _near_miss(comment)
            continue
        if given and READABLE.search(comment):
            problems.append(
                f"<!-- {comment} -->: a number that stands in a table, in the records "
                "or in an output is a claim. Read it there, and record it with claim()."
            )
        numbers = _numbers_before(text[: mark.start()], every=bool(given))
        if not numbers:
            problems.append(
                f"<!-- {comment} --> must directly follow a number, or a formula "
                "that holds one, but it does not. Move it there."
            )
        covered |= {number.span() for number in numbers}
        quotes += [(number_of(number), claim) for number in numbers if claim]
    rest = _rest(text, covered)
    problems += _misread(rest)
    return Sentence(where, rest, quotes, [f"{where}: {line}" for line in problems])


def _numbers_before(head: str, *, every: bool) -> list[re.Match[str]]:
    """The number that ends ``head``; after a formula its last number, or every one."""
    head = re.sub(f"{COMMENT.pattern}+$", "", head)
    numbers = list(NUMBER.finditer(head))
    if head.endswith(FORMULA_END):
        start = max(head.rfind(FORMULA), head.rfind(FORMULA_END, 0, -1))
        inside = [number for number in numbers if number.end() > start]
        return inside if every else inside[-1:]
    return [number for number in numbers[-1:] if number.end() == len(head)]


def _rest(text: str, covered: set[tuple[int, int]]) -> str:
    for start, end in sorted(covered, reverse=True):
        text = text[:start] + COVERED + text[end:]
    return re.sub(f"{COMMENT.pattern}|{FORMULA}|{FORMULA_END}", "", text)


def _near_miss(comment: str) -> list[str]:
    """A problem if the comment was meant to be a claim or a given."""
    words = re.findall(r"[a-z]+", comment.lower())
    meant = words and difflib.get_close_matches(words[0], ["claim", "given"], 1, 0.7)
    if not meant and "claim" not in words:
        return []
    return [
        f"<!-- {comment} --> is not understood. Write <!-- claim: some-name -->, "
        "<!-- claim: some-name at most -->, <!-- claim: some-name at least -->, "
        "<!-- claim: some-name at most, but for rounding --> or "
        "<!-- given: the reason in words -->."
    ]


def _misread(rest: str) -> list[str]:
    """Problems of numbers and comments that a reader and this program see unlike."""
    problems = []
    if TOUCHING.search(rest):
        problems.append(
            "a claimed or given number goes on beyond its comment. Put the comment "
            "after the whole number, percent sign and power of ten included."
        )
    if re.search(r"<!|-->", rest):
        problems.append("a comment is broken. It must read <!-- ... -->.")
    return problems
