import numpy as np
import pytest

from spacy_clintl.translation.alignment.links import Links
from spacy_clintl.translation.alignment.parts import join_links, split_words
from spacy_clintl.translation.alignment.seed import SeedLexicon
from spacy_clintl.translation.alignment.statistical import (
    Settings,
    StatisticalAligner,
    word_table,
)

from .bitexts import WORDS, sentence_pairs


def right(links, pairs):
    """The share of target words whose likeliest origin is the right one."""
    hits = total = 0
    for found, (source, target) in zip(links, pairs):
        best = found.symmetric().argmax(0)
        hits += sum(WORDS[source[best[j]]] == word for j, word in enumerate(target))
        total += len(target)
    return hits / total


def test_words_are_linked_after_training_on_the_pairs_at_hand():
    pairs = sentence_pairs()
    found = StatisticalAligner(embedded=False).train(pairs)
    assert right(found, pairs) > 0.95
    for links, (source, target) in zip(found, pairs):
        assert links.forward.shape == links.backward.shape == (len(source), len(target))
        assert (links.forward.sum(0) <= 1 + 1e-9).all()
        assert (links.backward.sum(1) <= 1 + 1e-9).all()


def test_training_is_repeatable():
    pairs = sentence_pairs(20)
    one, other = (StatisticalAligner(embedded=False).train(pairs) for _ in range(2))
    assert all((a.forward == b.forward).all() for a, b in zip(one, other))


def test_what_was_learned_serves_other_sentences():
    aligner = StatisticalAligner(embedded=False)
    fresh = sentence_pairs(20, seed=1)
    before = right(aligner.align(fresh[:1]), fresh[:1])
    aligner.train(sentence_pairs())
    learned = aligner.learned
    assert right(aligner.align(fresh), fresh) > 0.95 > before
    assert aligner.learned is learned, "aligning learns nothing"


def test_more_pairs_help_where_there_are_few():
    few = sentence_pairs(3, seed=5)
    alone = StatisticalAligner(embedded=False)
    helped = StatisticalAligner(embedded=False, parallel=sentence_pairs(60, seed=6))
    links = helped.train(few)
    assert len(links) == 3
    assert right(links, few) > right(alone.train(few), few)


def test_a_seed_lexicon_links_what_was_met_once():
    pair = (["xx", "yy", "zz"], ["cc", "aa", "bb"])
    lexicon = SeedLexicon([("xx", "aa"), ("yy", "bb"), ("zz", "cc")])
    (found,) = StatisticalAligner(lexicon=lexicon, embedded=False).train([pair])
    assert found.symmetric().argmax(0).tolist() == [2, 0, 1]
    (without,) = StatisticalAligner(embedded=False).train([pair])
    assert without.symmetric().argmax(0).tolist() != [2, 0, 1]


def test_the_embedded_lexicon_is_used_for_its_languages():
    pair = (["fever", "cough"], ["Husten", "Fieber"])
    aligner = StatisticalAligner()
    (found,) = aligner.train([pair], "en", "de")
    assert found.symmetric().argmax(0).tolist() == [1, 0]
    assert len(aligner.lexicon) > 500
    aligner.train([pair], "en", "fi")
    assert len(aligner.lexicon) == 0


def test_cognates_are_linked():
    pair = (["amoxicillin", "paracetamol"], ["Paracetamol", "Amoxicillin"])
    (found,) = StatisticalAligner(embedded=False).train([pair])
    assert found.symmetric().argmax(0).tolist() == [1, 0]


def test_compounds_are_linked_to_both_parts():
    pairs = [(["Tauern", "tunnel", "closed"], ["Tauerntunnel", "gesperrt"])] * 3
    found = StatisticalAligner(embedded=False).train(pairs)[0]
    assert found.backward[:2, 0].min() > 0.5


def test_empty_sentences_and_corpora():
    aligner = StatisticalAligner(embedded=False)
    assert aligner.train([]) == []
    found = aligner.train([([], ["a"]), (["a"], []), (["a"], ["a"])])
    assert [links.forward.shape for links in found] == [(0, 1), (1, 0), (1, 1)]
    assert aligner.align([(["new"], ["words"])])[0].forward.shape == (1, 1)


def test_words_with_marks_are_split():
    parts, owners = split_words(["EU-Bürger", "z.B.", "PPE-DE", "-", "3.5", "Sr."])
    assert parts == ["EU", "-", "Bürger", "z", ".", "B", ".", "PPE", "-", "DE", "-", "3", ".",
                     "5", "Sr."]  # fmt: skip
    assert owners.tolist() == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5]


def test_links_of_parts_become_links_of_words():
    forward = np.array([[0.5, 0.0, 0.2], [0.5, 1.0, 0.0]])
    backward = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.4]])
    both = join_links(Links(forward, backward), np.array([0, 0]), np.array([0, 0, 1]), (1, 2))
    assert both.forward == pytest.approx(np.array([[1.0, 0.2]]))
    assert both.backward == pytest.approx(np.array([[0.8, 0.2]]))


def test_word_table_sums_to_less_than_one():
    counts = np.array([0.0, 5.0, 1.0, 0.0, 2.0])
    given = np.array([0, 1, 1, 1, 2])
    table = word_table(counts, np.full(5, 0.2), given, 1.0)
    assert table[0] == 0
    assert table[1] > table[2] > table[3] > 0
    assert np.bincount(given, table).max() < 1


def test_stems_share_what_was_learned():
    pairs = [(["severe", "pains"], ["dolores", "intensos"]), (["some", "pain"], ["algún", "dolor"])]
    one, other = (
        StatisticalAligner(Settings(levels=levels), embedded=False).train(pairs * 2)[0].forward
        for levels in ((None,), (4,))
    )
    assert other[1, 0] > one[1, 0]
