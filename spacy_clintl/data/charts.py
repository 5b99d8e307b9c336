"""Charts of a corpus: how often labels occur, and how long documents are."""

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ClintlError, Errors
from ..util import whole_file
from .docs import ENTITIES
from .stats import PartStats

KINDS = (".png", ".html")
# Beyond these a bar is too thin to read.
BARS = 40
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Corpus</title>
<style>body {{ font: 15px sans-serif; margin: 2em }}
td, th {{ padding: 2px 12px; text-align: right }}
td:first-child, th:first-child {{ text-align: left }} img {{ max-width: 100% }}</style>
<h1>Corpus</h1>
{tables}
<img alt="Label counts and lengths" src="data:image/png;base64,{image}">
</html>
"""


def draw_stats(stats: Mapping[str, PartStats], tables: list[list[tuple]], path: str | Path) -> None:
    """Write a chart of label counts and lengths, as a picture or as a page with the tables too.

    stats (Mapping[str, PartStats]): The figures by part.
    tables (list[list[tuple]]): Tables for the page; the first row of each is its header.
    path (str | Path): A file whose name ends in .png or .html; it appears whole.
    RAISES (ClintlError): Another kind of file, or matplotlib is not installed.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise ClintlError(Errors.CL169.format(path=path, kinds=" or ".join(KINDS)))
    image = _draw(stats)
    with whole_file(path) as temporary:
        if kind == ".png":
            temporary.write_bytes(image)
        else:
            page = PAGE.format(
                tables="\n".join(map(_table, tables)), image=base64.b64encode(image).decode()
            )
            temporary.write_text(page, encoding="utf-8")


def _draw(stats: Mapping[str, PartStats]) -> bytes:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ClintlError(Errors.CL167.format(library="matplotlib")) from error
    tasks = sorted({task for part in stats.values() for task in part.labels})
    with_pieces = any(part.pieces is not None for part in stats.values())
    kinds = ["words", "word pieces"] if with_pieces else ["words"]
    n_rows = len(tasks) + len(kinds)
    # Figure alone, without pyplot, needs no display.
    figure = Figure(figsize=(9, 3.2 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, squeeze=False)[:, 0]
    for axis, task in zip(axes, tasks, strict=False):
        _draw_labels(axis, stats, task)
    for axis, kind in zip(axes[len(tasks) :], kinds, strict=True):
        _draw_lengths(axis, stats, kind)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _draw_labels(axis: Any, stats: Mapping[str, PartStats], task: str) -> None:
    found = {name: part.labels[task].counts for name, part in stats.items() if task in part.labels}
    total = sum(found.values(), start=type(next(iter(found.values())))())
    labels = sorted(
        {label for counts in found.values() for label in counts}, key=lambda x: -total[x]
    )
    left_out = len(labels) - BARS
    labels = labels[:BARS]
    width = 0.8 / len(found)
    for i, (name, counts) in enumerate(found.items()):
        places = np.arange(len(labels)) + i * width
        axis.bar(places, [counts[label] for label in labels], width, label=name)
    axis.set_xticks(np.arange(len(labels)) + 0.4 - width / 2, labels, rotation=30, ha="right")
    axis.set_title(task + (f" ({left_out} rarer labels left out)" if left_out > 0 else ""))
    axis.set_ylabel(ENTITIES if task == ENTITIES else "documents")
    axis.legend()


def _draw_lengths(axis: Any, stats: Mapping[str, PartStats], kind: str) -> None:
    values = {
        name: np.asarray(part.words if kind == "words" else part.pieces)
        for name, part in stats.items()
    }
    longest = max((data.max() for data in values.values() if len(data)), default=1)
    # Lengths spread over orders of magnitude.
    bins = np.geomspace(1, max(2, longest), 40)
    axis.hist([np.maximum(data, 1) for data in values.values()], bins, label=list(values))
    axis.set_xscale("log")
    axis.set_xlabel(f"{kind} in a document")
    axis.set_ylabel("documents")
    axis.legend()


def _table(rows: list[tuple]) -> str:
    def row(cells: tuple, tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(c))}</{tag}>" for c in cells) + "</tr>"

    head, *body = rows
    return "<table>" + row(head, "th") + "".join(row(cells, "td") for cells in body) + "</table>"
