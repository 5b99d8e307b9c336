"""Tables as text, Markdown, LaTeX or a page of HTML."""

import html
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wasabi import table as text_table

from .report import Table

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 15px sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
td, th {{ padding: 2px 12px; text-align: right; white-space: nowrap }}
th {{ border-bottom: 1px solid }} tr.first td {{ border-top: 1px solid #ccc }}
.left {{ text-align: left }} .note {{ max-width: 50em; font-size: 13px; color: #444 }}
svg {{ max-width: 100%; height: auto }}</style>
<h1>{title}</h1>
{body}
</html>
"""
LATEX = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
}
# A hyphen before a number, not within a word.
MINUS = re.compile(r"(?<![\w-])-(?=\d)")
MARKDOWN = re.compile(r"([\\`*_\[\]<>|])")


class Section(NamedTuple):
    """A table, and what has to be said below it.

    table (Table): The first column may be empty where it says the same as the row above.
    n_left (int): Columns of words, which stand left; the others are numbers.
    notes (Sequence[str]): Sentences.
    """

    table: Table
    n_left: int
    notes: Sequence[str] = ()


def as_text(sections: Sequence[Section]) -> str:
    """RETURNS (str): The tables for a terminal."""
    parts = []
    for (title, header, rows), n_left, notes in sections:
        aligns: list[Any] = ["l" if i < n_left else "r" for i in range(len(header))]
        body = text_table(rows, header=header, aligns=aligns, divider=True, max_col=200)
        parts.append("\n".join([title, body, *notes]))
    return "\n\n".join(parts) + "\n"


def as_markdown(sections: Sequence[Section]) -> str:
    """RETURNS (str): The tables as GitHub's Markdown has them."""
    parts = []
    for (title, header, rows), n_left, notes in sections:
        rule = ["---" if i < n_left else "---:" for i in range(len(header))]
        lines = [[_markdown(cell) for cell in cells] for cells in (header, *rows)]
        table = [f"| {' | '.join(cells)} |" for cells in (lines[0], rule, *lines[1:])]
        parts.append(
            "\n\n".join([f"### {_markdown(title)}", "\n".join(table), *map(_markdown, notes)])
        )
    return "\n\n".join(parts) + "\n"


def as_latex(sections: Sequence[Section]) -> str:
    r"""RETURNS (str): The tables for LaTeX; they need \usepackage{booktabs}."""
    parts = []
    for (title, header, rows), n_left, notes in sections:
        columns = "l" * n_left + "r" * (len(header) - n_left)
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_latex(' '.join([f'{title}.', *notes]))}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _latex_row(header),
            r"\midrule",
        ]
        for number, row in enumerate(rows):
            if number and row[0]:
                lines.append(r"\addlinespace")
            lines.append(_latex_row(row))
        parts.append("\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]))
    return "% needs \\usepackage{booktabs}\n" + "\n\n".join(parts) + "\n"


def as_html(sections: Sequence[Section], title: str, figure: str | None = None) -> str:
    """Make one page that needs nothing from elsewhere.

    sections (Sequence[Section]): The tables.
    title (str): Of the page.
    figure (str | None): SVG to stand below them.
    RETURNS (str): The page.
    """
    parts = []
    for (name, header, rows), n_left, notes in sections:
        lines = [f"<h2>{html.escape(name)}</h2>", "<table>", _html_row(header, "th", n_left)]
        lines += [_html_row(row, "td", n_left) for row in rows]
        parts += [*lines, "</table>", *(f'<p class="note">{html.escape(n)}</p>' for n in notes)]
    if figure is not None:
        parts += ["<h2>Learning curves</h2>", figure]
    return PAGE.format(title=html.escape(title), body="\n".join(parts))


FORMATS: dict[str, Callable[[Sequence[Section]], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
}


def _markdown(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", text)


def _latex(text: str) -> str:
    with_signs = MINUS.sub("\N{MINUS SIGN}", text)
    return "".join(LATEX.get(char, char) for char in with_signs).replace("\N{MINUS SIGN}", "$-$")


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex, cells)) + r" \\"


def _html_row(cells: Sequence[str], tag: str, n_left: int) -> str:
    parts = [
        f'<{tag} class="left">{html.escape(cell)}</{tag}>'
        if i < n_left
        else f"<{tag}>{html.escape(cell)}</{tag}>"
        for i, cell in enumerate(cells)
    ]
    first = ' class="first"' if tag == "td" and cells[0] else ""
    return f"<tr{first}>{''.join(parts)}</tr>"
