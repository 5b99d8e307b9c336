import pytest

from spacy_clintl.translation.apertium import make_apertium_v1
from spacy_clintl.translation.apertium.negation import restore_negations
from spacy_clintl.translation.edits import edit
from spacy_clintl.translation.protocol import Link, Segment

from .apertium import needs, words


def linked(*rows):
    """Make a source, its translation and links of pieces in the order of the translation.

    rows: Pieces of source and translation; one without a source is put in, one without a
        translation got lost. A number before them is the place in the source.
    """
    source = " ".join(one for _, one, _ in sorted(rows, key=lambda row: row[0]) if one)
    text, links = "", []
    for _, one, other in rows:
        if not other:
            continue
        text += " " if text and other not in ".," else ""
        if one:
            start = source.index(one)
            links.append(Link((start, start + len(one)), (len(text), len(text) + len(other))))
        text += other
    return source, text, links


def restored(lang, *rows):
    source, text, links = linked(*rows)
    made = restore_negations(source, text, links, (lang, "en"))
    for link in made.links:
        assert made.text[slice(*link.target)].strip() == made.text[slice(*link.target)] != ""
    pairs = {(source[slice(*one)], made.text[slice(*other)]) for one, other in made.links}
    return made.text, pairs, [source[slice(*span)] for span in made.lost]


def test_a_negation_that_is_gone_is_put_in():
    text, links, lost = restored("fr", (0, "Pas", ""), (1, "de", ""), (2, "fièvre", "fever"))
    assert (text, lost) == ("No fever", [])
    assert links == {("Pas", "No"), ("fièvre", "fever")}


def test_it_stands_before_adjectives():
    text, links, _ = restored(
        "fr",
        (0, "Examen", "Examination"),
        (1, "normal,", "normal,"),
        (2, "pas", ""),
        (5, "palpable", "palpable"),
        (4, "axillaire", "axillary"),
        (3, "adénopathie", "adenopathy"),
    )
    assert text == "Examination normal, no palpable axillary adenopathy"
    assert {("pas", "no"), ("palpable", "palpable"), ("adénopathie", "adenopathy")} <= links


def test_one_that_came_out_weak_is_replaced():
    text, links, _ = restored("es", (0, "Ningún", "Any"), (1, "dolor", "ache"))
    assert (text, links) == ("No ache", {("Ningún", "No"), ("dolor", "ache")})


def test_lists_of_two():
    rows = ((0, "Ni", "Or"), (1, "fièvre", "fever"), (2, "ni", "or"), (3, "toux", "cough"))
    assert restored("fr", *rows)[0] == "Neither fever nor cough"


@pytest.mark.parametrize(
    "rows",
    [
        # The verb denies.
        [(0, "No", "Not"), (1, "hay", "is"), (2, "ninguna", "any"), (3, "lesión", "lesion")],
        [(0, "Niega", "Denies"), (1, "ningún", "any"), (2, "dolor", "ache")],
        # It means something else.
        [(0, "Nada", "Swims"), (1, "siempre", "always")],
        [(0, "nada más llegar", "hardly arriving")],
        [(0, "Dolor", "Ache"), (1, "fuerte", "strong")],
        [],
    ],
)
def test_what_is_right_stays(rows):
    source, text, links = linked(*rows)
    made = restore_negations(source, text, links, ("es", "en"))
    assert (made.text, list(made.links), [*made.lost]) == (text, links, [])


def test_each_clause_by_itself():
    source, text = "No tose. Ningún dolor, ninguna masa", "Not coughs. Any ache, any mass"
    pieces = [("No", "Not"), ("tose", "coughs"), ("Ningún", "Any"), ("dolor", "ache")]
    pieces += [("ninguna", "any"), ("masa", "mass")]
    links = [
        Link(
            (source.index(one), source.index(one) + len(one)),
            (text.index(other), text.index(other) + len(other)),
        )
        for one, other in pieces
    ]
    assert restore_negations(source, text, links, ("es", "en")).text == (
        "Not coughs. No ache, no mass"
    )


def test_one_without_a_place_is_told():
    source, text = "fièvre, pas", "fever,"
    made = restore_negations(source, text, [Link((0, 6), (0, 5))], ("fr", "en"))
    assert (made.text, made.lost) == ("fever,", {(8, 11)})


@pytest.mark.parametrize("pair", [("fr", "es"), ("de", "en"), ("en", "en")])
def test_other_pairs_stay_as_they_are(pair):
    source, text, links = linked((0, "Pas", ""), (1, "fièvre", "fever"))
    assert restore_negations(source, text, links, pair).text == "fever"


def test_edits_move_links():
    links = [Link((0, 1), (0, 1)), Link((2, 3), (2, 3)), Link((4, 5), (2, 5)), Link((6, 7), (6, 7))]
    made = edit("a b c d", links, {(0, 1): "AAA", (2, 2): "put ", (6, 7): ""})
    assert made.text == "AAA put b c "
    assert [made.text[slice(*link.target)] for link in made.links] == ["AAA", "b", "b c"]
    assert {made.text[slice(*place)] for place in made.places.values()} == {"AAA", "put ", ""}


@needs(("es", "en"))
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Ningún antecedente familiar.", "No familiar antecedent."),
        ("Ninguna alergia", "No allergy"),
        ("exploración normal, ningún hallazgo", "Normal exploration, no finding"),
        ("No hay ningún signo", "There is not any sign"),
        ("Sin ningún tipo de dolor.", "Without any type of ache."),
        # What stands behind excuses nothing before it.
        ("Ningún hallazgo sin contraste", "No finding without contrast"),
        ("Ninguna alergia y ningún antecedente", "No allergy and no antecedent"),
        ("No fiebre, no tos, ningún dolor", "No fever, no cough, no ache"),
        ("No presenta (por ahora) ningún dolor", "It does not present (for now) any ache"),
        ("Niega, de momento, ninguna molestia", "It denies, for the moment, any annoyance"),
        ("Antecedentes: ninguno.", "Antecedents: none."),
        ("Nadie dijo nada", "Nobody said at all"),
        ("ningun dolor", "no Ache"),
        ("Incapaz de hacer nada", "Unable to do at all"),
        ("Dolor más que nada nocturno", "Ache more than at all nocturnal"),
        ("¿Tiene ningún dolor?", "Has any ache?"),
    ],
)
def test_spanish_by_the_real_program(source, target):
    assert _by_apertium(source, "es").text == target


@needs(("fr", "ca"), ("ca", "en"))
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Pas de fièvre.", "No fever."),
        ("Aucun antécédent.", "No antecedent."),
        ("Ni fièvre ni toux.", "Neither fever nor cough."),
        ("Le patient n'a pas de fièvre.", "The patient does not have fever."),
        ("Jamais fumeur", "Never smoker"),
        ("Un pas en avant.", "A step forward."),
        ("Pas de lésion sans injection", "No lesion without injection"),
        ("Non fumeur pas d'alcool", "No smoker  no alcohol"),
        ("Il n'a pas de fièvre pas de toux", "Does not have fever  no cough"),
        (
            "Le patient n\u2019a, à ce jour, aucune douleur",
            "The patient does not have, at this day, any ache",
        ),
        ("Aucun geste n'est indiqué", "Any gesture is not signified"),
        ("Aucun des deux", "None of the two"),
        ("Traitement aucun", "Treatment none"),
        ("Aucune nouvelle lésion", "No New lesion"),
        ("Pas beaucoup de toux", "Not a lot of cough"),
        ("Pas seulement la toux", "Not only the cough"),
        ("Si jamais fièvre", "If ever fever"),
        ("- pas de fièvre - sans râle", "-  no fever - without rale"),
    ],
)
def test_french_by_the_real_program(source, target):
    assert _by_apertium(source, "fr").text == target


@needs(("ca", "en"))
@pytest.mark.parametrize(
    ("source", "target"), [("Cap febre", "No fever"), ("Dolor de cap", "Ache of cape")]
)
def test_catalan_by_the_real_program(source, target):
    assert _by_apertium(source, "ca").text == target


@needs(("es", "en"))
def test_what_was_put_back_is_not_untranslated():
    assert _by_apertium("ningun dolor", "es").untranslated == ()


def test_the_longest_texts():
    n = 1500
    links = [Link((13 * i + 7, 13 * i + 11), (7 * i, 7 * i + 5)) for i in range(n)]
    made = restore_negations("pas de toux, " * n, "cough, " * n, links, ("fr", "en"))
    assert made.text == "no cough, " * n
    assert made.links[-2:] == (
        Link((13 * n - 13, 13 * n - 10), (10 * n - 10, 10 * n - 8)),
        Link((13 * n - 6, 13 * n - 2), (10 * n - 7, 10 * n - 2)),
    )


@needs(("fr", "ca"), ("ca", "en"))
def test_offsets_are_of_the_text_as_given():
    # The accents are characters of their own here.
    source = "Pas de fie\u0300vre, pas d'oede\u0300me"
    made = _by_apertium(source, "fr")
    assert {("Pas", "No"), ("fie\u0300vre", "fever"), ("oede\u0300me", "edema")} <= words(
        source, made
    )


def _by_apertium(text, lang):
    translator = make_apertium_v1()
    try:
        return next(iter(translator.translate([Segment(text)], lang, "en")))
    finally:
        translator.close()
