import random

import pytest

from spacy_clintl.translation.words import (
    encode_words,
    find_words,
    fold,
    similarities,
    spell,
    stem,
)


def distance(one, other):
    above = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            row.append(min(row[-1] + 1, above[j] + 1, above[j - 1] + (a != b)))
        above = row
    return above[-1]


def test_similarities_are_those_of_the_edit_distance():
    rng = random.Random(0)
    words = ["".join(rng.choices("abc", k=rng.randrange(9))) for _ in range(200)]
    others = ["".join(rng.choices("abc", k=rng.randrange(9))) for _ in range(200)]
    found = similarities(encode_words(words), encode_words(others))
    for one, other, got in zip(words, others, found):
        longer = max(len(one), len(other), 1)
        assert got == pytest.approx(1 - distance(one, other) / longer), (one, other)


def test_no_words_can_be_compared():
    assert len(similarities(encode_words([]), encode_words([]))) == 0


def test_cognates_are_spelled_alike():
    assert spell("Kommission") == spell("Comisión".replace("ó", "o"))
    assert spell("fotografía") == spell("photografia")
    assert spell("Straße") == "strase"
    assert spell("1100") == "1100", "figures are no double letters"


def test_words_of_a_text():
    text = "EU-Bürger: 3.5 mg/l (x-ray). 😀 d'une"
    words = [text[start:end] for start, end in find_words(text)]
    assert words == [
        *("EU-Bürger", ":", "3.5", "mg", "/", "l", "(", "x-ray", ")", ".", "😀", "d", "'", "une"),
    ]
    assert find_words(" \n\t ") == []


def test_folded_words_and_stems():
    assert fold("U\u0308bel") == "übel"
    assert stem("europäischen", 5) == "europ"
    assert stem("1234567", 5) == "1234567"
