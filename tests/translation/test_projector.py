from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from spacy_clintl.data.records import Span
from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.alignment import make_alignment_v1
from spacy_clintl.translation.alignment.judging import judged
from spacy_clintl.translation.alignment.links import Aligner, Links
from spacy_clintl.translation.alignment.projector import AlignmentProjector
from spacy_clintl.translation.alignment.statistical import StatisticalAligner
from spacy_clintl.translation.alignment.tasks import Task, Text, copy_rates, word_weights
from spacy_clintl.translation.spans.features import SentencePair
from spacy_clintl.translation.spans.model import SpanModel

from .bitexts import sentence_pairs

# Links decide alone, so that a case can be made of links.
BY_LINKS = {"covered_both": 20.0, "both_out": -20.0, "forward_none": -4.0, "span": -4.0}


class Given(Aligner):
    """Links that a test gives: pairs of numbers of words, with a weight each way."""

    def __init__(self, links, weight=1.0):
        self.given, self.weight = links, weight

    def align(self, pairs):
        found = []
        for source, target in pairs:
            table = np.zeros((len(source), len(target)))
            for i, j in self.given:
                table[i, j] = self.weight
            found.append(Links(table, table.copy()))
        return found


def entity(text, *parts, label="X"):
    spans = [(text.index(part), text.index(part) + len(part)) for part in parts]
    return Span(spans[0][0], spans[-1][1], label, fragments=tuple(spans) if parts[1:] else ())


def by_links(links, source, target, entities, weights=BY_LINKS, **settings):
    projector = AlignmentProjector(Given(links), model=SpanModel(weights), **settings)
    return projector.project(source, target, entities)


@pytest.fixture(scope="module")
def trained():
    projector = make_alignment_v1(embedded=False)
    pairs = [(" ".join(source), " ".join(target)) for source, target in sentence_pairs()]
    projector.prepare(pairs, "", "")
    return projector


def texts(target, found):
    return [(target[one.start : one.end], one.status) for one in found]


def test_entities_are_found_after_training(trained):
    source = "the nurse reports chronic pain and severe cough now"
    target = "el enfermero refiere dolor crónico y tos intenso ahora"
    entities = [entity(source, part) for part in ("chronic pain", "severe cough", "cough", "now")]
    found = trained.project(source, target, entities)
    assert texts(target, found) == [
        ("dolor crónico", "kept"),
        ("tos intenso", "kept"),
        ("tos", "kept"),
        ("ahora", "kept"),
    ]
    assert all(0.4 <= one.confidence <= 1 for one in found)
    assert [one.label for one in found] == ["X"] * 4
    fresh = make_alignment_v1(embedded=False)
    assert texts(target, fresh.project(source, target, entities)) != texts(target, found)


def test_a_word_far_away_makes_an_entity_discontinuous():
    source, target = "pain chest now", "chest now with pain"
    found = by_links([(0, 3), (1, 0), (2, 1)], source, target, [entity(source, "pain chest")])
    assert found[0].status == "discontinuous"
    assert found[0].fragments == ((0, 5), (15, 19))
    assert (found[0].start, found[0].end) in found[0].fragments


def test_a_word_without_a_counterpart_trims_an_entity():
    source, target = "severe pain", "dolor"
    (found,) = by_links([(1, 0)], source, target, [entity(source, source)], min_confidence=0.0)
    assert (found.start, found.end, found.status) == (0, 5, "trimmed")
    # Spelled alike is counterpart enough, and marks are not missed.
    for source, target in (("grave pain", "dolor grave"), (". pain", "dolor")):
        links = [(1, 0)] if "." in source else [(1, 0), (0, 1)]
        (found,) = by_links(links, source, target, [entity(source, source)], min_confidence=0.0)
        assert found.status == "kept", source


def test_what_is_judged_leaves_frequent_words_alone():
    pair = SentencePair(
        ["the", "pain"], ["dolor", "x", "el"], *[np.eye(2, 3)[:, [1, 0, 2]]] * 2,
        np.array([0.1, 1.0]), np.array([1.0, 1.0, 0.1]),
    )  # fmt: skip
    places = [(0, 5), (6, 7), (8, 10)]
    # 'the' is linked to x, beside the span; without that link it is missing, but says nothing.
    assert judged(pair, np.array([0, 1]), (0, 1), places) == ("kept", ())
    none = replace(pair, forward=np.zeros((2, 3)), backward=np.zeros((2, 3)))
    assert judged(none, np.array([0]), (0, 1), places) == ("kept", ())
    assert judged(none, np.array([1]), (0, 1), places) == ("trimmed", ())


def test_an_entity_without_a_place_is_dropped():
    source, target = "pain now", "nada más"
    (found,) = by_links([], source, target, [entity(source, "pain", label="L")])
    assert (found.label, found.start, found.end) == ("L", 0, 0)
    assert (found.status, found.confidence) == ("dropped", 0)
    source, target = "the nurse has a cough", "el enfermero tiene tos"
    links = [(0, 0), (1, 1), (2, 2), (4, 3)]
    sure = by_links(links, source, target, [entity(source, "cough")])
    assert sure[0].status == "kept"
    unsure = by_links(links, source, target, [entity(source, "cough")], min_confidence=1.0)
    assert unsure[0].status == "dropped"


def test_two_entities_that_want_one_place_collide():
    source, target = "fever pyrexia", "calentura"
    entities = [entity(source, "fever"), entity(source, "pyrexia")]
    links, weights = [(0, 0), (1, 0)], {"covered_both": 20.0}
    found = by_links(links, source, target, entities, weights)
    assert sorted(one.status for one in found) == ["collided", "kept"]
    assert {(one.start, one.end) for one in found} == {(0, 9)}
    # In the source they share words, and so they may in the target.
    entities = [entity(source, "fever"), entity(source, source)]
    found = by_links(links, source, target, entities, weights)
    assert [one.status for one in found] == ["kept", "kept"]


def test_parts_of_a_discontinuous_entity_are_looked_for():
    source, target = "lobe upper and lower", "lóbulo superior e inferior"
    links = [(n, n) for n in range(4)]
    (found,) = by_links(links, source, target, [entity(source, "lobe", "lower")])
    assert found.status == "discontinuous"
    assert found.fragments == ((0, 6), (18, 26))


@pytest.mark.parametrize(
    ("source", "target", "spans", "statuses"),
    [
        ("", "", [], []),
        ("", "dolor", [], []),
        ("pain", "", [(0, 4)], ["dropped"]),
        ("pain", " \n\t ", [(0, 4)], ["dropped"]),
        # White space only, beyond the text, nothing.
        ("pain  now", "dolor ahora", [(4, 6), (20, 30), (5, 5)], ["dropped"] * 3),
        ("pain \u2003\u00a0now", "dolor\u2003\u200b\u00a0ahora", [(0, 4)], None),
        ("🤒 pain 🤒", "🤒 dolor 🤒", [(2, 6), (0, 1)], None),
        ("pain \x00\x07 \ud800 now", "dolor \x00 ahora", [(0, 4)], None),
        ("الم شديد اليوم", "כאב חזק היום", [(0, 8)], None),
        ("痛み", "疼痛", [(0, 2)], None),
        ("pain " * 300, "dolor " * 310, [(0, 4), (500, 504)], None),
    ],
)
def test_unusual_texts(trained, source, target, spans, statuses):
    found = trained.project(source, target, [Span(a, b, "X") for a, b in spans])
    assert len(found) == len(spans)
    if statuses is not None:
        assert [one.status for one in found] == statuses
    for one in found:
        assert 0 <= one.confidence <= 1
        assert 0 <= one.start <= one.end <= len(target)
        assert (one.start < one.end) == (one.status != "dropped")
        assert target[one.start : one.end] == target[one.start : one.end].strip()


def test_offsets_count_characters_of_unusual_texts():
    source, target = "🤒🤒 \u2003severe\u00a0pain 🤒", "🤒🤒\n\ndolor \u2003 intenso 🤒"
    links = [(0, 0), (1, 1), (2, 3), (3, 2), (4, 4)]
    (found,) = by_links(links, source, target, [entity(source, "severe\u00a0pain")])
    assert target[found.start : found.end] == "dolor \u2003 intenso"
    assert found.status == "kept"


def test_the_same_words_are_translated_alike_elsewhere():
    pairs = [(Text.of(" ".join(a)), Text.of(" ".join(b))) for a, b in sentence_pairs()]
    tasks = [
        Task(one, other, [entity(one.text, "cough")]) for one, other in pairs if "cough" in one.text
    ]
    projector = make_alignment_v1(embedded=False)
    projector.train(pairs)
    found = projector.project_all(tasks)
    got = [task.target.text[one.start : one.end] for task, (one,) in zip(tasks, found)]
    assert set(got) == {"tos"}
    alone = AlignmentProjector(projector.aligner)
    alone.links, alone.counts = projector.links, projector.counts
    unsure = [alone.project(task.source.text, task.target.text, task.entities) for task in tasks]
    assert sum(one.confidence for (one,) in found) > sum(one.confidence for (one,) in unsure)
    assert projector.memory.entities[("cough",)][("tos",)] > len(tasks) / 2
    # What a sentence became itself does not speak for it.
    (only,) = projector.project_all(tasks[:1])
    alone.copied = projector.copied
    assert only == alone.project(tasks[0].source.text, tasks[0].target.text, tasks[0].entities)
    again = make_alignment_v1(embedded=False)
    again.train(pairs)
    assert again.project_all(tasks) == found


def test_without_pairs_the_lexicon_and_spelling_serve():
    source = "Patient with high fever takes amoxicillin."
    target = "Paciente con fiebre alta toma amoxicilina."
    projector = make_alignment_v1()
    projector.prepare([], "en-GB", "es")
    entities = [entity(source, "high fever"), entity(source, "amoxicillin")]
    assert texts(target, projector.project(source, target, entities)) == [
        ("fiebre alta", "kept"),
        ("amoxicilina", "kept"),
    ]
    # The function words of the languages are known to be frequent.
    assert word_weights(["the", "fever"], projector.counts[0])[0] < 0.1


def test_files_to_learn_from(tmp_path):
    parallel, seeds = tmp_path / "pairs.tsv", tmp_path / "seeds.tsv"
    lines = [f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in sentence_pairs()]
    parallel.write_text("".join(lines), encoding="utf-8")
    seeds.write_text("cough\ttos\n", encoding="utf-8")
    plain = make_alignment_v1(embedded=False)
    helped = make_alignment_v1(embedded=False, parallel=[parallel])
    seeded = make_alignment_v1(embedded=False, lexicon=seeds)
    for projector in (plain, helped, seeded):
        projector.prepare([], "", "")
    source, target = "the nurse has cough and fever", "el enfermero tiene calentura y tos"
    entities = [entity(source, "cough")]
    assert texts(target, helped.project(source, target, entities)) == [("tos", "kept")]
    assert texts(target, seeded.project(source, target, entities)) == [("tos", "kept")]
    assert texts(target, plain.project(source, target, entities)) != [("tos", "kept")]
    assert len({one.fingerprint() for one in (plain, helped, seeded)}) == 3
    same = make_alignment_v1(embedded=False, parallel=[parallel])
    assert helped.fingerprint() == same.fingerprint()


def test_bad_settings_are_named(tmp_path):
    for value in (-0.1, 1.5):
        with pytest.raises(ClintlError, match=r"CL650.*min_confidence"):
            make_alignment_v1(min_confidence=value)
    bad = tmp_path / "bad.tsv"
    bad.write_text("cough\ttos\nfever\n", encoding="utf-8")
    for setting in ({"lexicon": bad}, {"parallel": [bad]}):
        with pytest.raises(ClintlError, match=r"CL652.*bad\.tsv, line 2"):
            make_alignment_v1(**setting)


def test_weights_and_rates():
    weights = word_weights(["The", "pain", "unseen"], Counter(the=100, pain=2))
    assert weights[0] < weights[1] < weights[2] == 1
    assert word_weights([], Counter()).shape == (0,)
    source, target = Text.of("Aspirin and pain"), Text.of("Aspirin y dolor")
    tasks = [
        Task(source, target, [entity(source.text, "Aspirin", label="DRUG")]),
        Task(source, target, [entity(source.text, "pain", label="SIGN")]),
        Task(source, Text.of(""), [entity(source.text, "pain", label="SIGN")]),
    ]
    rates = copy_rates(tasks)
    assert rates["DRUG"] == pytest.approx(0.75)
    assert rates["SIGN"] < 0.5


def test_links_of_other_words_are_made_anew(trained):
    # The trained pair, cut into other words: by a tokenizer rather than by blanks.
    pair = sentence_pairs()[0]
    source, target = (" ".join(side) for side in pair)
    assert (source, target) in trained.links
    task = Task(Text(source, [(0, len(source))]), Text.of(target), [Span(0, len(source), "X")])
    assert trained.sentence_pair(task).forward.shape == (1, len(pair[1]))
    assert isinstance(trained.aligner, StatisticalAligner)
