"""Readers, one module a format. A reader of your own is one registered function:

@formats("mine")
def read_mine(paths, counts, *, an_option="default"):
    for path in paths:
        yield Record(...)
"""

# Importing a module registers its reader.
from . import interchange, iob, table  # noqa: F401
from .registry import Reader, formats, get_reader, reader_options

__all__ = ["Reader", "formats", "get_reader", "reader_options"]
