import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.cleaning import cleaned
from spacy_clintl.translation.offsets import Normalised
from spacy_clintl.translation.protocol import (
    Capabilities,
    Cost,
    Link,
    Segment,
    Translation,
    Translator,
)


class Upper(Translator):
    """Gives capitals, and no answer from the text on that is `until`."""

    name = "Upper"
    batch_size = 2

    def __init__(self, until=None):
        self.until = until
        self.seen = []

    def capabilities(self):
        return Capabilities(gives_links=True, pairs=frozenset([("es", "en")]))

    def version(self, source, target):
        return "1"

    def _translate(self, texts, source, target):
        self.seen.append(list(texts))
        if self.until in texts:
            texts = texts[: texts.index(self.until)]
        return [
            Translation(text.upper(), (Link((0, len(text)), (0, len(text))),), ((0, 1),))
            for text in texts
        ]


def translate(translator, *texts):
    return list(translator.translate([Segment(text) for text in texts], "es", "en"))


def test_white_space_and_blank_segments_are_kept():
    translator = Upper()
    made = translate(translator, "  tos\n", "", " \u2029 ", "fiebre")
    assert [one.text for one in made] == ["  TOS\n", "", " \u2029 ", "FIEBRE"]
    assert made[0].links == (Link((2, 5), (2, 5)),)
    assert made[0].untranslated == ((2, 3),)
    assert [text for batch in translator.seen for text in batch] == ["tos", "fiebre"]
    assert all(one.backend == "Upper" and one.version == "1" for one in made)


def test_control_characters_and_surrogates_reach_no_backend():
    translator = Upper()
    text = "a\0b\tc\ud800d\u2028e\x1b"
    made = translate(translator, text)[0]
    assert translator.seen == [["a b c\ufffdd e"]]
    assert made.text == "A B C\ufffdD E\x1b"
    for body in ("", " ", "\0", "x", " \0x\0 ", "\u200f\u05e9\u05dc\u200f", "😀 ok"):
        before, clean, after = cleaned(body)
        assert len(before + clean + after) == len(body)


def test_a_short_answer_is_an_error_of_its_segments_only():
    made = translate(Upper(until="b"), "a", "b", "c")
    assert [one.text for one in made] == ["A", "", "C"]
    assert [bool(one.error) for one in made] == [False, True, False]
    assert len(translate(Upper(), *"abcde")) == 5


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        (lambda made: [one for one in made if one.text != "B"], ["A", "", "C", "D"]),
        (lambda made: [Translation("X"), *made], ["", "", "", ""]),
        (lambda made: made * 2 if len(made) > 1 else made, ["A", "B", "C", "D"]),
        (iter, ["A", "B", "C", "D"]),
    ],
)
def test_no_answer_lands_with_another_text(answers, wanted):
    class Odd(Upper):
        batch_size = 4

        def _translate(self, texts, source, target):
            return answers(super()._translate(texts, source, target))

    made = translate(Odd(), "a", "b", "c", "d")
    assert [one.text for one in made] == wanted
    assert [bool(one.error) for one in made] == [not text for text in wanted]


@pytest.mark.parametrize(
    ("bad", "wanted", "tries"),
    [
        ("c", ["A", "B", "", "D", "E", "F", "G", "H"], 9),
        # Even if the first ones are bad, the others are translated.
        ("abc", ["", "", "", "D", "E", "F", "G", "H"], 10),
        # A backend that is down is not asked for each text.
        ("abcdefgh", [""] * 8, 5),
    ],
)
def test_a_backend_that_raises_fails_for_its_text_only(bad, wanted, tries):
    class Raising(Upper):
        batch_size = 8
        n_tries = 0

        def _translate(self, texts, source, target):
            self.n_tries += 1
            if any(text in bad for text in texts):
                raise ConnectionError(f"cannot take {texts}")
            return super()._translate(texts, source, target)

    translator = Raising()
    made = translate(translator, *"abcdefgh")
    assert [one.text for one in made] == wanted
    assert {one.error for one in made if not one.text} == {"the backend raised ConnectionError"}
    assert translator.n_tries == tries


def test_an_error_of_ours_ends_the_run():
    class Refused(Upper):
        def _translate(self, texts, source, target):
            raise ClintlError("[CL631] refused")

    with pytest.raises(ClintlError, match="CL631"):
        translate(Refused(), "a", "b")


def test_an_unknown_pair_is_an_error_before_the_first_segment():
    with pytest.raises(ClintlError, match=r"CL600.*de-en.*es-en"):
        Upper().translate([], "de", "en")


def test_costs_add_up():
    assert Upper().cost([Segment("abc"), Segment("d")]) == Cost(4)
    assert Cost(1) + Cost(2, 0.5, "USD") == Cost(3, 0.5, "USD")


@pytest.mark.parametrize(
    "text",
    ["niño", "nin\u0303o con fie\u0301bre", "\u1100\u1161\u11a8 ok", "a\u0327\u0301b", "😀e\u0301"],
)
def test_normalised_offsets_lead_back(text):
    import unicodedata

    normalised = Normalised(text)
    assert normalised.text == unicodedata.normalize("NFC", text)
    for start in range(len(normalised.text)):
        a, b = normalised.original((start, start + 1))
        assert unicodedata.normalize("NFC", text[a:b]).find(normalised.text[start]) >= 0
    assert normalised.original((0, len(normalised.text))) == (0, len(text))
