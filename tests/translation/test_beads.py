from spacy_clintl.translation.beads import pair_sentences


def as_lists(beads):
    return [(list(one), list(other)) for one, other in beads]


def test_as_many_sentences_are_taken_one_by_one():
    assert as_lists(pair_sentences([10, 300], [250, 20])) == [([0], [0]), ([1], [1])]
    assert pair_sentences([], []) == []


def test_a_sentence_made_of_two():
    beads = pair_sentences([100, 20, 80, 60], [104, 101, 61])
    assert as_lists(beads) == [([0], [0]), ([1, 2], [1]), ([3], [2])]
    beads = pair_sentences([104, 101, 61], [100, 20, 80, 60])
    assert as_lists(beads) == [([0], [0]), ([1], [1, 2]), ([2], [3])]


def test_a_sentence_left_out():
    for lengths, gone in (([100, 90, 30, 80, 120], 1), ([60, 100, 400, 90, 80, 120], 2)):
        others = lengths[:gone] + lengths[gone + 1 :]
        assert ([gone], []) in as_lists(pair_sentences(lengths, others, 1.0))
        assert ([], [gone]) in as_lists(pair_sentences(others, lengths, 1.0))
        longer = [2 * length for length in others]
        assert ([gone], []) in as_lists(pair_sentences(lengths, longer, 2.0))
    assert as_lists(pair_sentences([100, 50], [])) == [([0], []), ([1], [])]
    assert as_lists(pair_sentences([], [5])) == [([], [0])]


def test_all_sentences_are_there_in_order():
    beads = pair_sentences(list(range(5, 90, 7)), list(range(8, 80, 9)))
    for side, n in ((0, 13), (1, 8)):
        assert [s for bead in beads for s in bead[side]] == list(range(n))


def test_long_documents_take_seconds():
    lengths = [20 + n * n % 97 for n in range(3000)]
    beads = as_lists(pair_sentences(lengths, lengths[:1000] + lengths[1001:], 1.0))
    assert beads[500] == ([500], [500])
    assert beads[-1] == ([2999], [2998])
    assert [s for one, _ in beads for s in one] == list(range(3000))
