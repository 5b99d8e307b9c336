"""Whether Apertium is installed, for tests that need the real program."""

import pytest

from spacy_clintl.translation.apertium.modes import INSTALL, Modes


def needs(*pairs):
    """Skip a test where a language pair of Apertium is missing, and say which line installs it."""
    missing = [pair for pair in pairs if pair not in Modes().files]
    return pytest.mark.skipif(bool(missing), reason=f"no Apertium for {missing}: {INSTALL}")


def words(text, translation):
    """Show links as words."""
    return {(text[a:b], translation.text[c:d]) for (a, b), (c, d) in translation.links}
