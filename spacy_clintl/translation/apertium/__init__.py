"""Translation by Apertium, an installed program, with exact links between words.

Apertium is under the GPL: it runs beside this package, as programs that text is sent to.
"""

from .translator import ApertiumTranslator, make_apertium_v1

__all__ = ["ApertiumTranslator", "make_apertium_v1"]
