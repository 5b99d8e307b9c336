"""Readers and writers, one module a format. A reader of your own is one registered function:

@formats("mine")
def read_mine(paths, counts, *, an_option="default"):
    for path in paths:
        yield Record(...)
"""

# Importing a module registers its reader.
from . import (  # noqa: F401
    bioc,
    brat,
    crf,
    i2b2,
    interchange,
    iob,
    mimic,
    pairs,
    prodigy,
    prodigy_writer,
    pubtator,
    table,
    tokens,
    xmi,
)
from .registry import (
    Reader,
    Writer,
    check_options,
    formats,
    get_reader,
    get_writer,
    option_flags,
    writers,
)

__all__ = [
    "Reader",
    "Writer",
    "check_options",
    "formats",
    "get_reader",
    "get_writer",
    "option_flags",
    "writers",
]
