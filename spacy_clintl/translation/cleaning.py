"""Text as backends can take it, character for character."""

import unicodedata

# Characters that end a line or a message for one backend or another, or that no encoding knows.
_BAD = {"Cc": " ", "Zl": " ", "Zp": " ", "Cs": "\ufffd"}
# Of each plane the last two, and these, are no characters; programs take them for the end of input.
_NONE = range(0xFDD0, 0xFDF0)


def cleaned(text: str) -> tuple[str, str, str]:
    """Take white space off a text's ends and replace what backends cannot take.

    Each replaced character becomes one other, so that offsets hold.

    text (str): Any text.
    RETURNS (tuple[str, str, str]): White space before, the text, white space behind. A blank text
        stands before as a whole.
    """
    body = text.strip()
    if not body:
        return text, "", ""
    at = text.index(body)
    clean = "".join(_taken(char) for char in body)
    # A control character at an end is white space by now.
    inner = clean.strip()
    if not inner:
        return text, "", ""
    at += clean.index(inner)
    return text[:at], inner, text[at + len(inner) :]


def _taken(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cn" and (ord(char) & 0xFFFE == 0xFFFE or ord(char) in _NONE):
        return "\ufffd"
    return _BAD.get(category, char)
