import unicodedata

import pytest

from spacy_clintl.translation.offsets import Normalised


@pytest.mark.parametrize(
    "text",
    [
        "infec\u00adción grave",
        "\u00adtos\u00ad y fie\u00ad\u00adbre\u00ad",
        # An accent behind a soft hyphen is the letter's before it.
        "fie\u00ad\u0301bre e\u0301\u00adx",
    ],
)
def test_soft_hyphens_are_left_out_and_offsets_lead_back(text):
    normalised = Normalised(text)
    assert normalised.text == unicodedata.normalize("NFC", text.replace("\u00ad", ""))
    for start, char in enumerate(normalised.text):
        a, b = normalised.original((start, start + 1))
        assert unicodedata.normalize("NFC", text[a:b].replace("\u00ad", "")) == char
    start = normalised.text.index(" ")
    a, b = normalised.original((0, start))
    assert text[a:b].strip("\u00ad") == text.split(" ")[0].strip("\u00ad")


@pytest.mark.parametrize("text", ["", "\u00ad", "\u00ad\u00ad"])
def test_nothing_is_left_of_soft_hyphens(text):
    assert Normalised(text).text == ""
