import pytest

from spacy_clintl.evaluation.epochs import REACHED_NOTES, Reached, epochs_to_reach, reached_table
from spacy_clintl.evaluation.results import Result


def result(variant, seed, *scores, corpus="notes", size=300.0, name="macro_f"):
    """Make a run whose curve has a point an epoch."""
    curve = tuple(enumerate(scores, 1))
    value = scores[-1] if scores else 0.5
    run = f"{variant}-{corpus}-{size}-{seed}"
    return Result(run, variant, corpus, size, seed, name, value, None, curve)


def test_first_point_as_high_as_all_of_the_other():
    results = [
        result("base", 0, 0.2, 0.5, 0.7, 0.7, 0.6),
        result("fast", 0, 0.4, 0.7, 0.6, 0.8, 0.9),
        result("base", 1, 0.2, 0.3, 0.4, 0.5, 0.6),
        result("fast", 1, 0.2, 0.3, 0.7, 0.4, 0.4),
    ]
    # 2 epochs instead of 3, and 3 instead of 5.
    assert epochs_to_reach(results, "base") == [Reached("notes", 300.0, "fast", 2, 2, 2.5, 4.0)]
    [row] = reached_table(epochs_to_reach(results, "base"), "base").rows
    assert row == ("notes", "300 docs", "fast", "2 of 2", "2.5", "4.0", "-38 %")


def test_seeds_that_never_get_there_are_counted_not_averaged():
    results = [
        result("base", 0, 0.1, 0.9),
        result("slow", 0, 0.1, 0.8),
        result("base", 1, 0.6, 0.5),
        result("slow", 1, 0.1, 0.6),
    ]
    [found] = epochs_to_reach(results, "base")
    assert (found.curves, found.reached, found.epochs, found.before) == (2, 1, 2, 1)
    assert any("others never got there" in note for note in REACHED_NOTES)
    [found] = epochs_to_reach(results[:2], "base")
    assert (found.curves, found.reached, found.epochs) == (1, 0, None)
    [row] = reached_table([found], "base").rows
    assert row[3:] == ("0 of 1", "-", "-", "-")


@pytest.mark.parametrize(
    "other",
    [
        result("other", 1, 0.9),
        result("other", 0),
        result("other", 0, 0.9, corpus="drugs"),
        result("other", 0, 0.9, size=100.0),
        result("other", 0, 0.9, name="acc"),
    ],
    ids=["seed", "no curve", "corpus", "size", "score"],
)
def test_only_pairs_of_curves_are_compared(other):
    assert epochs_to_reach([result("base", 0, 0.5), other], "base") == []


def test_order_of_rows():
    results = [
        result(variant, 0, 0.5, corpus=corpus, size=size)
        for size in (1.0, 300.0)
        for corpus in ("notes", "drugs")
        for variant in ("base", "one", "two")
    ]
    rows = reached_table(epochs_to_reach(results, "base"), "base").rows
    assert [row[:3] for row in rows[:4]] == [
        ("notes", "300 docs", "one"),
        ("", "300 docs", "two"),
        ("", "100 %", "one"),
        ("", "100 %", "two"),
    ]
    assert rows[4][0] == "drugs"
