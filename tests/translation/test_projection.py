from spacy_clintl.data.records import Span
from spacy_clintl.translation.markers import MarkerProjector
from spacy_clintl.translation.projection import Projected, mark_collisions, mark_untranslated
from spacy_clintl.translation.protocol import Link
from spacy_clintl.translation.provenance import make_provenance_v1


def entity(text, *parts, label="X"):
    spans = [(text.index(part), text.index(part) + len(part)) for part in parts]
    fragments = tuple(spans) if len(spans) > 1 else ()
    return Span(spans[0][0], spans[-1][1], label, fragments=fragments)


def linked(source, target, *pairs):
    """Links from pairs of words; a word written twice is counted from the left."""
    links, met = [], {}

    def find(text, word, side):
        at = met.get((side, word), -1)
        start = text.index(word, at + 1 if (side, word) in met else 0)
        return start, start + len(word)

    for one, two in pairs:
        links.append(Link(find(source, one, 0), find(target, two, 1)))
    return links


def project(source, target, entities, links):
    projector = make_provenance_v1()
    projector.prepare([], "es", "en")
    found = projector.project(source, target, entities, links)
    return [(target[one.start : one.end], one.status) for one in found], found


def test_a_span_is_the_hull_of_its_links():
    source, target = "tiene dolor torácico agudo", "has an acute thoracic pain"
    links = linked(source, target, ("tiene", "has"), ("dolor", "pain"), ("torácico", "thoracic"))
    links += linked(source, target, ("agudo", "acute"))
    got, found = project(source, target, [entity(source, "dolor torácico agudo")], links)
    assert got == [("acute thoracic pain", "kept")]
    assert found[0].confidence == 1


def test_words_in_between_that_belong_elsewhere_tear_a_span():
    source, target = "dolor torácico hoy", "pain today thoracic"
    links = linked(source, target, ("dolor", "pain"), ("torácico", "thoracic"), ("hoy", "today"))
    got, found = project(source, target, [entity(source, "dolor torácico")], links)
    assert got == [("thoracic", "discontinuous")]
    assert found[0].fragments == ((0, 4), (11, 19))
    assert 0 < found[0].confidence < 1
    # Words that the translator put in by itself tear nothing.
    got, _ = project(source, target, [entity(source, "dolor torácico")], links[:2])
    assert got == [("pain today thoracic", "kept")]


def test_function_words_that_only_came_along_are_cut_off():
    source, target = "opacidad pulmón", "opacity of the lung"
    # One unit became several words.
    links = [Link((0, 8), (0, 7)), Link((9, 15), (8, 19))]
    got, _ = project(source, target, [entity(source, "pulmón")], links)
    assert got == [("lung", "trimmed")]
    # An entity that has one at its own edge keeps it.
    source, target = "en ayunas", "in the morning"
    links = [Link((0, 9), (0, 14))]
    got, _ = project(source, target, [entity(source, "en ayunas")], links)
    assert got == [("in the morning", "kept")]


def test_function_words_moved_away_are_left_out():
    source, target = "falta de aire y tos", "cough and lack air of"
    links = linked(source, target, ("falta", "lack"), ("de", "of"), ("aire", "air"), ("y", "and"))
    links += linked(source, target, ("tos", "cough"))
    got, _ = project(source, target, [entity(source, "falta de aire")], links)
    assert got == [("lack air", "trimmed")] or got == [("lack air of", "kept")]
    target = "of cough and lack air"
    links = linked(
        source, target, ("falta", "lack"), ("de", "of"), ("aire", "air"), ("tos", "cough")
    )
    got, _ = project(source, target, [entity(source, "falta de aire")], links)
    assert got == [("lack air", "trimmed")]


def test_words_without_a_counterpart_lower_the_confidence():
    source, target = "fiebre muy alta", "high fever"
    links = linked(source, target, ("fiebre", "fever"), ("alta", "high"))
    got, found = project(source, target, [entity(source, "fiebre muy alta")], links)
    assert got == [("high fever", "trimmed")]
    assert 0.6 < found[0].confidence < 0.7
    got, found = project(source, target, [entity(source, "muy")], links)
    assert got == [("", "dropped")]
    assert found[0].confidence == 0


def test_words_left_over_on_both_sides_belong_together():
    source, target = "tos desde hace 3 días", "cough from 3 days ago"
    links = linked(
        source, target, ("tos", "cough"), ("desde", "from"), ("3", "3"), ("días", "days")
    )
    got, found = project(source, target, [entity(source, "desde hace 3 días")], links)
    assert got == [("from 3 days ago", "trimmed")]
    assert found[0].confidence < 1
    # But not what is left over beside an entity that is complete.
    got, _ = project(source, target, [entity(source, "3 días")], links)
    assert got == [("3 days", "kept")]


def test_a_unit_that_reaches_beyond_the_entity_is_less_sure():
    source, target = "dolor en el pecho", "chest pain"
    links = [Link((0, 17), (0, 10))]
    got, found = project(source, target, [entity(source, "pecho")], links)
    assert got == [("chest pain", "trimmed")]
    assert found[0].confidence < 0.5


def test_collisions_nested_and_discontinuous_entities():
    source, target = "tos y fiebre alta", "feverish cough"
    links = [Link((0, 3), (0, 14)), Link((6, 12), (0, 14)), Link((13, 17), (0, 8))]
    entities = [
        entity(source, "tos"),
        entity(source, "fiebre alta"),
        entity(source, "fiebre"),
        entity(source, "tos", "alta"),
    ]
    found = [Projected("X", 9, 14, "kept", 1.0), Projected("X", 0, 14, "kept", 0.9)]
    marked = mark_collisions(entities[:2], found)
    assert [one.status for one in marked] == ["kept", "collided"]
    nested = [Projected("X", 0, 14, "kept", 1.0), Projected("X", 0, 8, "kept", 1.0)]
    assert mark_collisions(entities[1:3], nested) == nested
    _, found = project(source, target, entities, links)
    assert len(found) == 4
    source, target = "lóbulo superior e inferior derecho", "right upper and lower lobe"
    pairs = zip(source.split(), ("lobe", "upper", "and", "lower", "right"))
    got, _ = project(
        source,
        target,
        [entity(source, "lóbulo superior", "derecho")],
        linked(source, target, *pairs),
    )
    assert got == [("right upper", "discontinuous")]


def test_untranslated_words_are_told():
    text = "edemas maleolares y tos"
    entities = [entity(text, "edemas maleolares"), entity(text, "tos")]
    found = [Projected("X", 0, 17, "kept", 1.0), Projected("X", 20, 23, "kept", 1.0)]
    marked = mark_untranslated(entities, found, [(7, 17)])
    assert [one.status for one in marked] == ["untranslated", "kept"]


def test_marks_go_in_and_come_out():
    text = "No [1] dolor torácico agudo, ni fiebre."
    entities = [
        entity(text, "dolor torácico agudo"),
        entity(text, "torácico"),
        entity(text, "fiebre"),
    ]
    projector = MarkerProjector()
    marked = projector.mark(text, entities)
    # The text has a [1] of its own.
    assert marked == "No [1] [2]dolor [3]torácico[/3] agudo[/2], ni [4]fiebre[/4]."
    clean, links = projector.unmark(marked, text, entities)
    assert clean == text
    found = projector.project(text, clean, entities, links)
    assert [text[one.start : one.end] for one in found] == [
        "dolor torácico agudo",
        "torácico",
        "fiebre",
    ]
    assert {one.status for one in found} == {"kept"}


def test_marks_are_read_with_tolerance_and_lost_ones_are_told():
    text = "dolor torácico y fiebre con tos"
    entities = [entity(text, "dolor torácico"), entity(text, "fiebre"), entity(text, "tos")]
    projector = MarkerProjector()
    marked = "( 1 ) chest pain [1] and [/2]fever[2] with cough [/3]"
    clean, links = projector.unmark(marked, text, entities)
    assert clean == "chest pain and fever with cough"
    found = projector.project(text, clean, entities, links)
    assert clean[found[0].start : found[0].end] == "chest pain"
    assert [one.status for one in found] == ["kept", "dropped", "dropped"]


def test_marks_of_a_discontinuous_entity():
    text = "lóbulo superior e inferior"
    entities = [entity(text, "lóbulo", "inferior")]
    projector = MarkerProjector()
    marked = projector.mark(text, entities)
    assert marked == "[1]lóbulo[/1] superior e [2]inferior[/2]"
    clean, links = projector.unmark("upper and [2]lower[/2] [1]lobe[/1]", text, entities)
    found = projector.project(text, clean, entities, links)
    assert found[0].status == "discontinuous"
    assert clean[found[0].start : found[0].end] == "lower"
