from collections import Counter

from spacy_clintl.experiments.subsets import nested_order

LABELS = [{"common", "(task)"}] * 80 + [{"rare", "(task)"}] * 20


def test_prefixes_are_nested_and_stratified():
    order = nested_order(LABELS, 0)
    assert sorted(order) == list(range(100))
    for n in (10, 30, 50):
        rare = Counter(i >= 80 for i in order[:n])[True]
        assert abs(rare - n / 5) <= 1
    assert order == nested_order(LABELS, 0)
    assert order[:30] != nested_order(LABELS, 1)[:30]


def test_documents_without_labels():
    assert sorted(nested_order([set(), {"a"}, set()], 0)) == [0, 1, 2]
