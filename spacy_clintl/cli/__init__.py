"""The `python -m spacy clintl …` command group: argument handling and calls, nothing else.

spaCy imports this module in every run of its command line, so command modules import what they
need inside their functions.
"""

from spacy.cli._util import app as spacy_app

from . import adapt, base, convert, evaluate, verify  # noqa: F401
from ._app import app

spacy_app.add_typer(app, name="clintl")

__all__ = ["app"]
