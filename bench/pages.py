"""Writes measured tables into the pages of `docs/`: what stands around the two marks is written by people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"

_BEGIN = "<!-- measured: begin -->"
_END = "<!-- measured: end -->"


def write_measured(page: Path, text: str) -> None:
    """Replace what stands between the marks of `page` by `text`.

    Raises ValueError where the page lacks the marks.
    """
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the marks {_BEGIN} and {_END}")
    page.write_text(f"{before}{_BEGIN}\n\n{text.strip()}\n\n{_END}{after}")


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Give a table of Markdown; the first row is its head."""
    head, *others = rows
    return "\n".join([_line(head), "|" + "---|" * len(head), *(_line(row) for row in others)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
