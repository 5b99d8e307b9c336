from spacy_clintl.translation.beads import pair_sentences
from spacy_clintl.translation.evidence import Evidence, lexicon_keys


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


def sentences(text):
    return [one.split() for one in text.split(" | ")]


def paired(source, target, known=None):
    ours, theirs = sentences(source), sentences(target)
    lengths = ([sum(map(len, words)) for words in side] for side in (ours, theirs))
    return as_lists(pair_sentences(*lengths, None, Evidence(ours, theirs, known or {})))


SINGLY = [([0], [0]), ([1], [1]), ([2], [2])]


def test_as_many_sentences_cut_elsewhere_are_paired_by_their_words():
    source = (
        "Paciente de 54 años con dolor abdominal | Rev . | por sistemas normal | "
        "Trat . | con omeprazol 20 mg y paracetamol 1 g | Alta el 3 de marzo"
    )
    target = (
        "A 54 year old patient | with abdominal pain | Review of systems normal | "
        "Treated with omeprazole 20 mg | and paracetamol 1 g | Discharged on March 3"
    )
    beads = paired(source, target)
    own = {one: set(others) for ones, others in beads for one in ones}
    assert {0, 1} <= own[0]
    assert {3, 4} <= own[4]
    assert own[5] == {5}


def test_words_move_nothing_where_they_say_nothing():
    text = "xx | yy yy | zz"
    assert paired(text, "aaaa aaaa aaaa aaaa | b | cc") == SINGLY
    # A word of two neighbours speaks for neither.
    assert paired("abdomen one | two | three", "abdomen uno | abdomen dos | tres") == SINGLY


def test_a_lexicon_and_numbers_of_both_languages_speak():
    known = lexicon_keys("en", "es-MX")
    assert "tos" in known["cough"]
    assert "the" not in known
    evidence = Evidence(
        sentences("fever | cough and pain | 1.5 mg"), sentences("1,5 mg | fiebres | tos"), known
    )
    best = [max(range(3), key=lambda j: evidence.shared([i], [j])) for i in range(3)]
    assert best == [1, 2, 0]
    assert evidence.shared([0], [0, 2]) == 0
    assert evidence.shared([0, 1], [1, 2]) == evidence.shared([0], [1]) + evidence.shared([1], [2])
