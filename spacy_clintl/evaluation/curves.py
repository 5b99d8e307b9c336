"""Learning curves of an experiment as one SVG."""

import io
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from ..errors import ClintlError, Errors
from .results import Result, shower, size_name, sizes_of

# A page may hold it inline: no date, no id that changes from call to call, text as text.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "spacy-clintl",
    "font.family": "sans-serif",
    # Names of variants and corpora may hold dollar signs.
    "text.parse_math": False,
}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw_curves(results: Sequence[Result]) -> str | None:
    """Draw score by epoch: a row a corpus, a column a size, a line a variant.

    Thin lines are single seeds, thick ones their mean.

    results (Sequence[Result]): The runs.
    RETURNS (str | None): An svg element; None where no run has a curve.
    RAISES (ClintlError): matplotlib is not installed.
    """
    shown = [result for result in results if result.curve]
    if not shown:
        return None
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ClintlError(Errors.CL167.format(library="matplotlib")) from error
    corpora = list(dict.fromkeys(result.corpus for result in shown))
    variants = list(dict.fromkeys(result.variant for result in shown))
    sizes = sizes_of(shown)
    scale = 100 if shower(shown)(1.0) == "100.00" else 1
    with matplotlib.rc_context(STYLE):
        # Figure alone, without pyplot, needs no display.
        size = (3.4 * len(sizes) + 1, 2.4 * len(corpora) + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(corpora), len(sizes), squeeze=False, sharex="col", sharey="row")
        lines: dict[str, Any] = {}
        for row, corpus in zip(axes, corpora, strict=True):
            for axis, n in zip(row, sizes, strict=True):
                for number, variant in enumerate(variants):
                    curves = [
                        [(epoch, scale * value) for epoch, value in result.curve]
                        for result in shown
                        if (result.corpus, result.size, result.variant) == (corpus, n, variant)
                    ]
                    if curves:
                        lines[variant] = _draw(axis, curves, f"C{number % 10}")
                axis.set_title(f"{corpus}, {size_name(n)}", fontsize="medium")
                axis.grid(alpha=0.3)
        for axis in axes[-1]:
            axis.set_xlabel("epoch")
        for axis, corpus in zip(axes[:, 0], corpora, strict=True):
            axis.set_ylabel(next(result.name for result in shown if result.corpus == corpus))
        columns = min(len(lines), 2 * len(sizes))
        figure.legend(lines.values(), lines, loc="outside upper left", ncols=columns)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    text = buffer.getvalue()
    # Without the XML declaration and the document type, whose address is no part of a page.
    return text[text.index("<svg") :]


def _draw(axis: Any, curves: list[list[tuple[float, float]]], color: str) -> Any:
    for curve in curves if len(curves) > 1 else []:
        axis.plot(*zip(*curve), color=color, linewidth=0.8, alpha=0.4)
    # Seeds draw other documents: the same point of two curves is not at quite the same epoch.
    mean = [tuple(map(fmean, zip(*points))) for points in zip(*curves)]
    [line] = axis.plot(*zip(*mean), color=color, linewidth=1.8, marker="o", markersize=3)
    return line
