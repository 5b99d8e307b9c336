"""spacy-clintl: one clinical encoder, many small heads, for spaCy.

Everything here is reached through entry points (factories, architectures, readers, the command
line), so importing this package is never needed and importing it loads nothing heavy.
"""

from .about import __version__

__all__ = ["__version__"]
