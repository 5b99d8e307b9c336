import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spacy_clintl.data.records import Span
from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.apertium import make_apertium_v1
from spacy_clintl.translation.apertium.modes import Modes
from spacy_clintl.translation.apertium.processes import Chain, ChainError
from spacy_clintl.translation.apertium.stream import (
    Numbered,
    escape,
    number_units,
    read_translation,
    unescape,
)
from spacy_clintl.translation.apertium.translator import _ask
from spacy_clintl.translation.function_words import function_words
from spacy_clintl.translation.links import compose
from spacy_clintl.translation.protocol import Link, Segment
from spacy_clintl.translation.provenance import make_provenance_v1

from .apertium import needs, words

# A program that answers each message with itself, and does odd things to some.
PROGRAM = """
import os, sys, time
buffer = b""
while block := os.read(0, 65536):
    *messages, buffer = (buffer + block).split(b"\\0")
    for message in messages:
        if message == b"die":
            os._exit(1)
        if message == b"hang":
            time.sleep(60)
        if message == b"die once" and not os.path.exists(sys.argv[1]):
            open(sys.argv[1], "w").close()
            os._exit(1)
        extra = b"x\\0" if message == b"twice" else b""
        os.write(1, message.upper() + b"\\0" + extra)
"""


@pytest.fixture
def echo(tmp_path):
    chain = Chain([[sys.executable, "-c", PROGRAM, str(tmp_path / "died")], ["cat"]], timeout=5)
    yield chain
    chain.stop()


def test_a_chain_answers_many_and_huge_messages(echo):
    messages = ["tos", "", "fiebre 😀", "x" * 3_000_000, *map(str, range(2000))]
    assert echo.ask(messages) == [message.upper() for message in messages]
    first = [process.pid for process in echo._processes]
    assert echo.ask(["a"]) == ["A"]
    assert [process.pid for process in echo._processes] == first


@pytest.mark.parametrize("bad", ["die", "hang", "twice"])
def test_a_chain_that_fails_says_so_and_starts_anew(echo, bad):
    echo.timeout = 1
    with pytest.raises(ChainError) as caught:
        echo.ask(["a", bad])
    assert bad not in str(caught.value)
    assert not echo._processes
    echo.timeout = 5
    assert echo.ask(["b"]) == ["B"]
    echo._processes[-1].send_signal(signal.SIGKILL)
    echo._processes[-1].wait()
    assert echo.ask(["c"]) == ["C"]


def test_what_fails_in_company_is_tried_once_more_alone(echo):
    messages = ["a", "die once", "", "b", "die", "c"]
    answers = _ask(echo, messages)
    assert [*answers[:4], answers[5]] == ["A", "DIE ONCE", "", "B", "C"]
    assert isinstance(answers[4], ChainError)


def test_programs_that_never_answer_are_not_asked_message_by_message(monkeypatch):
    tries = []
    chain = Chain([["sleep", "60"]], 0.2)
    monkeypatch.setattr(chain, "_exchange", _counted(chain._exchange, tries))
    answers = _ask(chain, [f"m{n}" for n in range(40)])
    assert len(answers) == 40
    assert all(isinstance(answer, ChainError) for answer in answers)
    # Together, one alone, and an empty text.
    assert len(tries) == 3
    with pytest.raises(ChainError, match="does not answer"):
        chain.ask(["x"])
    # After a while they are tried again.
    monkeypatch.setattr(chain, "_resting_until", 0.0)
    chain.commands = [["cat"]]
    chain.timeout = 5
    assert chain.ask(["x"]) == ["x"]


def _counted(function, calls):
    def wrapped(messages, answers):
        calls.append(list(messages))
        return function(messages, answers)

    return wrapped


def test_a_chain_belongs_to_its_process(echo):
    assert echo.ask(["a"]) == ["A"]
    assert pickle.loads(pickle.dumps(echo)).ask(["b"]) == ["B"]
    pid = os.fork()
    if not pid:
        # A new chain in the child, and the parent's is not ended by the child's end.
        os._exit(0 if echo.ask(["c"]) == ["C"] else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert echo.ask(["d"]) == ["D"]


def test_answers_that_are_out_of_step_reach_no_text(echo):
    """A program that gives two answers to one message would shift all that come after it."""
    echo.last = "LAST"
    assert echo.ask(["a", "b"]) == ["A", "B"]
    # The surplus answer comes late: what was asked has its number of answers by then.
    echo.commands[0][2] = echo.commands[0][2].replace(
        'os.write(1, message.upper() + b"\\0" + extra)',
        'os.write(1, message.upper() + b"\\0"); time.sleep(0.2); os.write(1, extra)',
    )
    echo.stop()
    answers = _ask(echo, ["a", "twice", "b", "c"])
    assert [answers[0], *answers[2:]] == ["A", "B", "C"]
    assert isinstance(answers[1], ChainError)
    assert pickle.loads(pickle.dumps(echo)).last == "LAST"


def test_threads_get_the_answers_to_their_own_messages(echo):
    def ask(thread):
        return [echo.ask([f"t{thread} {n}"]) for n in range(100)]

    with ThreadPoolExecutor(4) as pool:
        for thread, answers in enumerate(pool.map(ask, range(4))):
            assert answers == [[f"T{thread} {n}"] for n in range(100)]


def test_a_missing_program_is_told():
    with pytest.raises(ChainError, match="cannot be started"):
        Chain([["no-such-program-at-all"]], 1).ask(["a"])


def test_programs_end_with_the_process_that_started_them(tmp_path):
    code = (
        "from spacy_clintl.translation.apertium.processes import Chain\n"
        "chain = Chain([['cat'], ['cat']], 5)\n"
        "chain.ask(['a'])\n"
        "print(*[process.pid for process in chain._processes], flush=True)\n"
        "import os; os._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    for _ in range(50):
        alive = [pid for pid in pids if _runs(pid)]
        if not alive:
            break
        time.sleep(0.1)
    assert not alive


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("text", ["a [b] {c} ^d$ e/f\\g <h> @i ~j", "~", "\\", "[[t:w:1]]x[[/]]"])
def test_escaping_is_undone(text):
    assert unescape(escape(text)) == text


def test_units_are_found_though_analysis_changes_blanks():
    text = "d'état  \\^2 y xy"
    stream = (
        "^d'/de<pr>$ ^état/état<n>$  \\\\\\^^2/2<num>$ ^y/y<cnj>$ ^nowhere/x<n>$ ^xy/*xy$[][\n]"
    )
    numbered = number_units(stream, text, 7)
    assert [text[slice(*span)] for span in numbered.spans.values()] == [
        "d'",
        "état",
        "2",
        "y",
        "xy",
    ]
    assert list(numbered.spans) == [7, 8, 9, 10, 11]
    # The programs would not see a number right behind an escaped character.
    assert "\\^[][[t:w:9]]^2/2<num>$" in numbered.stream
    assert "$ ^nowhere/" in numbered.stream


def test_merged_units_are_shared_out_from_the_end():
    spans = {1: (0, 2), 2: (3, 5), 3: (6, 11)}

    def read(stream):
        found = read_translation(stream, Numbered("", spans))
        return found.text, [(link.source, found.text[slice(*link.target)]) for link in found.links]

    assert read("[[t:w:1; t:w:2; t:w:3]]de l'estat[[/]]") == (
        "de l'estat",
        [((0, 2), "de"), ((3, 5), "l'"), ((6, 11), "estat")],
    )
    assert read("[[t:w:1; t:w:2; t:w:3]]del pulmó[[/]].[][\n]") == (
        "del pulmó.",
        [((0, 2), "del"), ((3, 5), "del"), ((6, 11), "pulmó")],
    )
    assert read("[[t:w:3]]de cofre[[/]]") == ("de cofre", [((6, 11), "de cofre")])
    units = Numbered("", spans)
    failed = read_translation("[[t:w:1]]*abc[[/]] [[t:w:2]]#def[[/]] [[t:w:3]]@ghi[[/]] * x", units)
    assert failed.text == "abc def ghi * x"
    assert failed.untranslated == [(0, 2), (6, 11)]
    failed = read_translation("[[t:w:1; t:w:2; t:w:3]]de l'*Zenker[[/]]", units)
    assert failed.text == "de l'Zenker"
    assert failed.untranslated == [(6, 11)]


@pytest.mark.parametrize(
    ("units", "piece", "wanted"),
    [
        (["de", "la", "vitamine D"], "de la vitamina D", ["de", "la", "vitamina D"]),
        (["du", "groupe A"], "del grup A", ["del", "grup A"]),
        (["aux", "soins intensifs"], "a la vigilància intensiva", ["a la", "vigilància intensiva"]),
        (["la", "salle de bain"], "la cambra de bany", ["la", "cambra de bany"]),
        (["la", "salle de bain"], "el bany", ["el", "bany"]),
        (["de", "la", "salle de bain"], "al bany", ["al", "al", "bany"]),
        (["de", "1,5"], "de 1,5", ["de", "1,5"]),
        (["la", "pénicilline"], "la penicil·lina", ["la", "penicil·lina"]),
        (["à", "la", "pénicilline"], "a la penicil·lina", ["a", "la", "penicil·lina"]),
        (["l'", "anti-inflammatoire"], "l'anti-inflamatori", ["l'", "anti-inflamatori"]),
        (["la", "échographie"], "la prova d'ultrasons", ["la", "prova d'ultrasons"]),
        (["soins intensifs", "la"], "vigilància intensiva la", ["vigilància intensiva", "la"]),
        (["forte", "fièvre"], "molt alta febre", ["molt alta", "febre"]),
    ],
)
def test_merged_terms_of_several_words_keep_theirs(units, piece, wanted):
    text = " ".join(units)
    places = [sum(len(one) + 1 for one in units[:n]) for n in range(len(units))]
    analysed = " ".join(f"^{unit}/x<n>$" for unit in units)
    numbered = number_units(analysed, text, 0, function_words("fr"))
    assert list(numbered.spans.values()) == [
        (at, at + len(unit)) for at, unit in zip(places, units, strict=True)
    ]
    numbers = "; ".join(f"t:w:{n}" for n in numbered.spans)
    found = read_translation(f"[[{numbers}]]{piece}[[/]]", numbered, function_words("ca"))
    assert [found.text[slice(*link.target)] for link in found.links] == wanted
    assert [text[slice(*link.source)] for link in found.links] == units


def test_words_that_an_adverb_keeps_from_their_number_are_found_behind_it():
    text = "una muy intensa tos que larger"
    places = [(at, at + len(word)) for word in text.split() if (at := text.index(word)) >= 0]
    spans = dict(enumerate(places, 1))

    def read(stream, adverbs=frozenset({2}), compared=frozenset({6})):
        found = read_translation(stream, Numbered("", spans, adverbs, compared))
        links = [
            (text[slice(*link.source)], found.text[slice(*link.target)]) for link in found.links
        ]
        return found.text, links, [text[slice(*span)] for span in found.untranslated]

    assert read("[[t:w:2; t:w:3]]very[[/]] intense [[t:w:4]]cough[[/]]") == (
        "very intense cough",
        [("muy", "very"), ("intensa", "intense"), ("tos", "cough")],
        [],
    )
    # The article is merged with the adverb; the adverb has several words; there is no word for it.
    assert read("[[t:w:1; t:w:2; t:w:3]]a very[[/]]  *intensa, it")[1:] == (
        [("una", "a"), ("muy", "very"), ("intensa", "intensa")],
        ["intensa"],
    )
    assert read("[[t:w:2; t:w:3]]so much[[/]] clear-cut it [[t:w:4]]coughs[[/]]")[1][:2] == [
        ("muy", "so much"),
        ("intensa", "clear-cut"),
    ]
    assert read("[[t:w:2; t:w:3]]more intense[[/]], it")[1] == [
        ("muy", "more"),
        ("intensa", "intense"),
    ]
    # Words that the rules add are nobody's.
    assert read("[[t:w:3; t:w:4]]cough[[/]] it [[t:w:5]]that[[/]] they")[1] == [
        ("intensa", "cough"),
        ("tos", "cough"),
        ("que", "that"),
    ]
    assert read("[[t:w:6]]más[[/]] grande de [[t:w:4]]tos[[/]]")[1][0] == ("larger", "más grande")
    assert read("[[t:w:6]]mayor[[/]] que [[t:w:4]]tos[[/]]")[1][0] == ("larger", "mayor")
    assert read("[[t:w:5]]más[[/]] grande")[1] == [("que", "más")]


def test_the_analysis_tells_adverbs_and_comparatives():
    stream = "^muy/muy<preadv>$ ^larger/large<adj><sint><comp>$ ^no/no<adv>/no<n>$ ^si/si<cnjadv>$"
    numbered = number_units(f"{stream}[][\n]", "muy larger no si", 3)
    assert numbered.adverbs == {3, 5}
    assert numbered.compared == {4}


def test_a_word_without_a_number_leaves_no_sign_of_failure():
    read = read_translation(
        "[[t:w:1]]a[[/]] *infec y #otro, * \\@x [[t:w:2]]b[[/]] *c", Numbered("", {1: (0, 1)})
    )
    assert read.text == "a infec y otro, * @x b c"


def test_links_by_way_of_a_third_language():
    first = [Link((0, 3), (0, 3)), Link((4, 7), (0, 3)), Link((8, 9), (4, 5))]
    # The unit that two words became is two words again: one to one.
    second = [Link((0, 3), (5, 7)), Link((0, 3), (8, 9)), Link((4, 5), (0, 1))]
    assert compose(first, second) == [
        Link((8, 9), (0, 1)),
        Link((0, 3), (5, 7)),
        Link((4, 7), (8, 9)),
    ]
    assert compose(first, [Link((0, 3), (0, 9))]) == [
        Link((0, 3), (0, 9)),
        Link((4, 7), (0, 9)),
    ]


def test_without_apertium_the_error_says_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    translator = make_apertium_v1()
    assert translator.capabilities().pairs == frozenset()
    with pytest.raises(ClintlError, match=r"CL600.*apt-get install.*apertium-eng-spa"):
        translator.check("es", "en")


def test_pairs_are_read_from_the_folder_with_pivots(tmp_path):
    for name in ("spa-eng", "fra-cat", "cat-eng", "eng-cat_valencia", "xyz-eng"):
        (tmp_path / f"{name}.mode").write_text("true\n", encoding="utf-8")
    translator = make_apertium_v1(modes=tmp_path)
    assert translator.capabilities().pairs == {
        ("es", "en"),
        ("fr", "ca"),
        ("ca", "en"),
        ("fr", "en"),
    }
    assert translator.path("fr", "en") == [("fr", "ca"), ("ca", "en")]
    assert make_apertium_v1(modes=tmp_path, pivots=[]).path("fr", "en") == []


@pytest.mark.parametrize(
    "settings",
    [{"timeout": 0}, {"timeout": float("nan")}, {"batch_size": 0}, {"batch_size": -3}],
)
def test_settings_that_cannot_be_are_told(settings):
    with pytest.raises(ClintlError, match=rf"CL602.*'{next(iter(settings))}'"):
        make_apertium_v1(**settings)


def test_a_folder_without_pairs_is_named(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ClintlError, match=rf"CL600.*{folder}.*spa-eng\.mode") as caught:
            make_apertium_v1(modes=folder).check("es", "en")
        assert "apt-get" not in str(caught.value)


def test_languages_are_those_of_bcp_47_codes(tmp_path):
    for name in ("spa-eng", "fra-cat", "cat-eng"):
        (tmp_path / f"{name}.mode").write_text("true\n", encoding="utf-8")
    translator = make_apertium_v1(modes=tmp_path)
    for pair in (("es-MX", "EN"), ("FR", "en-GB"), ("es-Latn-ES", "en")):
        translator.check(*pair)
    assert translator.path("FR-ca", "EN") == [("fr", "ca"), ("ca", "en")]
    assert translator.fingerprint("es-MX", "EN") == translator.fingerprint("es", "en")
    with pytest.raises(ClintlError, match=r"CL600.*es-fr"):
        translator.check("es", "FR")


def test_a_mode_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "spa-eng.mode").write_text("no-such-program | x\n", encoding="utf-8")
    with pytest.raises(ClintlError, match=r"CL601.*spa-eng.mode"):
        Modes(tmp_path).stages("es", "en")


# From here on with the real program.
HARD = [
    "La paciente no refiere dolor en el pecho, tos del niño ni <b>ediglosis</b> [x] ello^2 5mg",
    "temperatura 36,8 °C.",
    "fiebre 😀 ~3 días",
    "*** hola # @pp {x} ÿñ$5 \\ / a/b",
    "nin\u0303o con fiebre\u0301",
    "\u05e9\u05dc\u05d5\u05dd tos \u202efiebre\u202c",
    "tos\u00a0seca\u2009y\u3000fiebre",
    "¿Tiene fiebre? ¡Sí!",
    "...",
    "$^[[t:w:3]]tos[[/]]",
    "x" * 5000,
    "La paciente tiene tos. " * 200,
]


@pytest.fixture(scope="module")
def translator():
    made = make_apertium_v1()
    yield made
    made.close()


@needs(("es", "en"))
def test_words_are_linked_exactly(translator):
    text = "La paciente no tiene dolor torácico."
    made = next(translator.translate([Segment(text)], "es", "en"))
    assert made.text == "The patient does not have thoracic ache."
    assert {("dolor", "ache"), ("torácico", "thoracic"), ("paciente", "patient")} <= words(
        text, made
    )


@needs(("es", "en"))
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Presentaba tos muy intensa.", {("muy", "very"), ("intensa", "intense")}),
        ("Presenta una lesión más dolorosa.", {("más", "more"), ("dolorosa", "painful")}),
        ("La masa bien delimitada", {("masa", "mass"), ("delimitada", "delimited")}),
        ("La hemodiálisis en línea diaria", {("en línea", "on line"), ("diaria", "daily")}),
        (
            "La infec\u00adción leve, infección grave y fiebre\u00ad.",
            {("infec\u00adción", "infection"), ("infección", "infection"), ("fiebre", "fever")},
        ),
    ],
)
def test_words_behind_adverbs_and_with_soft_hyphens_are_linked(translator, text, wanted):
    # With the code of a country, as the protocol allows.
    made = next(translator.translate([Segment(text)], "es-ES", "EN"))
    assert wanted <= words(text, made)
    assert "*" not in made.text
    sources = [text[slice(*link.source)] for link in made.links]
    assert sources.count("infec\u00adción") == sources.count("infección")


@needs(("es", "en"))
def test_a_text_of_nothing_but_soft_hyphens(translator):
    made = next(translator.translate([Segment(" \u00ad\u00ad ")], "es", "en"))
    assert (made.text.strip(), made.links, made.error) == ("", (), "")


@needs(("en", "es"))
def test_comparatives_of_one_word_are_linked_to_both(translator):
    text = "The right lower limb"
    made = next(translator.translate([Segment(text)], "en", "es"))
    assert any(one == "lower" and other.startswith("más ") for one, other in words(text, made))


@needs(("fr", "ca"), ("ca", "en"))
def test_words_behind_adverbs_are_linked_through_a_pivot(translator):
    text = "des lésions très hétérogènes"
    made = next(translator.translate([Segment(text)], "fr", "en"))
    assert {("très", "very"), ("hétérogènes", "heterogeneous")} <= words(text, made)


@needs(("es", "en"), ("en", "es"))
@pytest.mark.parametrize("pair", [("es", "en"), ("en", "es")])
def test_translations_are_those_of_the_plain_program(translator, pair):
    codes = {"es": "spa", "en": "eng"}
    mode = "-".join(codes[lang] for lang in pair)
    texts = [text for text in HARD[:9] if text.isprintable() and "n\u0303" not in text]
    made = list(translator.translate([Segment(text) for text in texts], *pair))
    for text, one in zip(texts, made):
        plain = subprocess.run(
            ["apertium", "-u", mode], input=text, capture_output=True, text=True, check=True
        ).stdout
        assert one.error == ""
        assert one.text.split() == plain.split()


@needs(("es", "en"))
def test_hard_texts_are_translated_with_links_in_their_bounds(translator):
    made = list(translator.translate([Segment(text) for text in HARD], "es", "en"))
    for text, one in zip(HARD, made):
        assert one.error == ""
        assert one.text
        for (a, b), (c, d) in one.links:
            assert 0 <= a < b <= len(text)
            assert 0 <= c < d <= len(one.text)
            assert one.text[c:d] == one.text[c:d].strip()
    alone = [next(translator.translate([Segment(text)], "es", "en")) for text in HARD]
    assert alone == made


@needs(("es", "en"))
def test_what_ends_a_programs_input_ends_nothing(translator):
    texts = ["Nota \uffff uno.", "El paciente tiene fiebre.", "La mujer \ufdd0 niega dolor."]
    made = list(translator.translate([Segment(text) for text in texts], "es", "en"))
    assert not any(one.error for one in made)
    assert [word in one.text for one, word in zip(made, ("\ufffd", "fever", "woman"))] == [True] * 3
    alone = [next(translator.translate([Segment(text)], "es", "en")) for text in texts]
    assert alone == made


@needs(("es", "en"))
def test_what_becomes_nothing_stays_as_it_is(translator):
    made = list(translator.translate([Segment(text) for text in ("¿", "se", "Se ¡")], "es", "en"))
    assert [one.text for one in made] == ["¿", "se", "Se ¡"]
    assert [one.untranslated for one in made] == [(), ((0, 2),), ((0, 4),)]
    assert made[1].links == (Link((0, 2), (0, 2)),)


@needs(("es", "en"))
def test_what_is_no_sentence_by_its_length_stays_as_it_is(translator):
    texts = ["x" * 300_000, "El paciente tiene fiebre."]
    made = list(translator.translate([Segment(text) for text in texts], "es", "en"))
    assert made[0].text == texts[0]
    assert made[0].untranslated == ((0, 300_000),)
    assert "fever" in made[1].text


@needs(("fr", "ca"), ("ca", "en"))
def test_french_goes_by_way_of_catalan(translator):
    text = "Le patient présente une toux sèche depuis 3 jours"
    made = next(translator.translate([Segment(text)], "fr", "en"))
    assert {("toux", "cough"), ("sèche", "dry"), ("jours", "days")} <= words(text, made)
    assert "ca-en" in translator.version("fr", "en")
    projector = make_provenance_v1()
    projector.prepare([], "fr", "en")
    at = text.index("une toux sèche")
    entity = Span(at, at + len("une toux sèche"), "FINDING")
    one = projector.project(text, made.text, [entity], made.links)[0]
    assert made.text[one.start : one.end] == "a dry cough"
    assert one.status == "kept"


@needs(("es", "en"))
def test_a_killed_program_is_replaced_and_nothing_is_lost(translator):
    segments = [Segment(f"La paciente tiene tos desde hace {n} días.") for n in range(100)]
    wanted = list(translator.translate(segments, "es", "en"))
    made = []
    for n, one in enumerate(translator.translate(segments, "es", "en")):
        made.append(one)
        if n % 40 == 0:
            for chain in translator._chains["es", "en"]:
                chain._processes[0].kill()
                chain._processes[0].wait()
    assert made == wanted


@needs(("es", "en"))
def test_texts_reach_no_shell_and_no_log(translator, tmp_path, capfd):
    target = tmp_path / "made"
    text = f"$(touch {target}) `touch {target}`; touch {target} | tos"
    made = next(translator.translate([Segment(text)], "es", "en"))
    assert "cough" in made.text
    assert not target.exists()
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ClintlError, match=r"CL600.*de-en.*apt-get"):
        translator.check("de", "en")
