"""The `python -m spacy clintl …` command group: argument handling and calls, nothing else.

spaCy imports this module in every run of its command line, so command modules import what they
need inside their functions.
"""

from spacy.cli._util import app as spacy_app

from . import (  # noqa: F401
    adapt,
    align,
    base,
    calibrate,
    cognates,
    compare,
    convert,
    corpus,
    evaluate,
    experiment,
    translate,
    verify,
)
from ._app import app, own_errors_as_lines, show_own_errors

spacy_app.add_typer(app, name="clintl")
show_own_errors()

__all__ = ["app", "own_errors_as_lines"]
