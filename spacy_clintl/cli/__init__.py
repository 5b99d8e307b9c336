"""The `python -m spacy clintl …` command group: argument handling and calls, nothing else.

spaCy imports this module in every run of its command line, so command modules import what they
need inside their functions.
"""

from ._app import app

__all__ = ["app"]
