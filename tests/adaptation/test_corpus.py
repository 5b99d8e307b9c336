import gzip
import json
import shutil
import textwrap
import unicodedata

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_clintl.adaptation.adapt import adapt
from spacy_clintl.adaptation.corpus import choose_documents
from spacy_clintl.adaptation.settings import AdaptSettings
from spacy_clintl.data.check import check_corpus
from spacy_clintl.data.raw import ReadCounts
from spacy_clintl.errors import ClintlError
from tests.encoders import make_wordpiece_bert

LONG = "The patient was admitted with chest pain and shortness of breath{}."
OTHER = "She takes metformin twice daily and aspirin every single morning{}."


def write(path, texts):
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), encoding="utf-8")
    return path


def choose(tmp_path, texts, leave_out=(), **settings):
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    for old in work.iterdir():
        old.unlink()
    told = []
    values = AdaptSettings(leave_out=tuple(map(str, leave_out)), **settings)
    corpus = choose_documents([write(tmp_path / "t.jsonl", texts)], work, values, told.append)
    return [text.text for text in corpus.read()], corpus.choice, "\n".join(told)


def test_equal_documents_are_used_once(tmp_path):
    texts = ["A  note.", "Other", "a NOTE.\n", "A note", "OTHER ", "A note."]
    kept, choice, told = choose(tmp_path, texts)
    assert kept == ["A  note.", "Other", "A note"]
    assert (choice.documents, choice.kept, choice.duplicates) == (6, 3, 3)
    assert "3 documents say what an earlier one says" in told
    kept, choice, told = choose(tmp_path, texts, deduplicate=False)
    assert (kept, choice.duplicates, told) == (texts, 0, "")


def test_long_documents_are_equal_wherever_they_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_clintl.adaptation.blocks.PORTION", 30)
    text = " ".join(f"word{i}" for i in range(200))
    kept, _, _ = choose(tmp_path, [text, "  " + text.replace(" ", "\n "), text + "x"])
    assert kept == [text, text + "x"]


def test_near_duplicates_are_left_out_when_asked(tmp_path):
    pytest.importorskip("datasketch")
    note = " ".join(f"finding{i}" for i in range(60))
    texts = [note, note.replace("finding30", "nothing"), OTHER.format("")]
    assert choose(tmp_path, texts)[1].kept == 3
    kept, choice, told = choose(tmp_path, texts, near_duplicates=True)
    assert kept == [texts[0], texts[2]]
    assert choice.near_duplicates == 1
    assert "1 near duplicates" in told


def docbin(path, texts):
    nlp = spacy.blank("en")
    DocBin(docs=[nlp.make_doc(text) for text in texts]).to_disk(path)
    return path


def text_file(path, texts):
    path.write_text(texts[0], encoding="utf-8")
    return path


def zipped(path, texts):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("".join(json.dumps({"text": t}) + "\n" for t in texts))
    return path


@pytest.mark.parametrize(
    ("name", "make"),
    [("e.jsonl", write), ("e.spacy", docbin), ("e.txt", text_file), ("e.jsonl.gz", zipped)],
)
def test_documents_with_an_evaluation_text_are_left_out(tmp_path, name, make):
    evaluation = make(tmp_path / name, [LONG.format("")])
    texts = [
        LONG.format("").upper(),  # equal
        f"History. {OTHER.format('')} {LONG.format('')} No fever.",  # contained
        OTHER.format(""),
        "Chest pain.",
    ]
    kept, choice, told = choose(tmp_path, texts, [evaluation])
    assert kept == texts[2:]
    assert (choice.left_out, choice.duplicates, choice.evaluation_texts) == (2, 0, 1)
    assert "2 of 4 documents share a text with the 1 evaluation texts" in told
    assert "chest" not in told


@pytest.mark.parametrize("wrapped", ["note", "evaluation"])
def test_lines_that_are_broken_anywhere_hide_no_evaluation_text(tmp_path, wrapped):
    texts = [LONG.format(""), OTHER.format("")]
    note = f"History of the patient. {' '.join(texts)} No fever."
    if wrapped == "note":
        note = textwrap.fill(note, 40)
    else:
        texts = [textwrap.fill(text, 40) for text in texts]
    assert note.count("\n") + texts[0].count("\n")
    evaluation = write(tmp_path / "e.jsonl", texts)
    kept, _, _ = choose(tmp_path, [note, "Nothing to report here."], [evaluation])
    assert kept == ["Nothing to report here."]


@pytest.mark.parametrize("heading", ["HISTORY", "- Today:", "1) Course"])
def test_headings_above_broken_lines_hide_no_evaluation_text(tmp_path, heading):
    texts = [LONG.format(""), OTHER.format("")]
    history, plan = (textwrap.fill(text, 40) for text in texts)
    note = f"{heading}\n{history}\nPLAN\n{plan}"
    for text in texts:
        evaluation = write(tmp_path / "e.jsonl", [text])
        kept, _, _ = choose(tmp_path, [note, "Nothing to report here."], [evaluation])
        assert kept == ["Nothing to report here."]


def test_how_unicode_writes_a_letter_does_not_count(tmp_path):
    text = "La paciente de 45 años presentó ﬁebre alta y disnea de esfuerzo progresiva."
    forms = [
        unicodedata.normalize("NFD", text),
        text.replace("paciente", "pa\u00adciente"),
        text.replace(" ", "\u00a0").replace("ﬁ", "fi"),
        "\ufeff" + text.replace("y ", "y \u200b"),
    ]
    assert len(choose(tmp_path, [text, *forms])[0]) == 1
    evaluation = write(tmp_path / "e.jsonl", [text])
    inside = [f"Informe. {form} Alta." for form in forms]
    assert choose(tmp_path, ["Nada.", *forms, *inside], [evaluation])[0] == ["Nada."]


def test_evaluation_text_spread_over_documents_is_met_as_by_corpus_check(tmp_path):
    pytest.importorskip("datasketch")
    abstract = f"{LONG.format('')} {OTHER.format('')}"
    half = f"{OTHER.format(' indeed')} No infiltrate was seen on any of the many films."
    texts = [LONG.format(""), OTHER.format(""), OTHER.format(" indeed"), "Nothing to report here."]
    evaluation = docbin(tmp_path / "e.spacy", [abstract, half])
    kept, choice, _ = choose(tmp_path, texts, [evaluation])
    # Half of the second evaluation text is met, which is less than four fifths.
    assert kept == texts[2:]
    assert choice.left_out == 2
    left = write(tmp_path / "left.jsonl", kept)
    for path, leaks in ((left, 0), (tmp_path / "t.jsonl", 1)):
        found = check_corpus({"train": evaluation}, adaptation=[path])
        assert len([f for f in found if "adaptation" in f.where]) == leaks


def test_several_evaluation_sets_and_what_is_left_out_makes_no_duplicate(tmp_path):
    one = write(tmp_path / "1.jsonl", [LONG.format("")])
    two = write(tmp_path / "2.jsonl", [OTHER.format("")])
    texts = [LONG.format(""), LONG.format(""), OTHER.format(""), "Fever.", "fever."]
    kept, choice, _ = choose(tmp_path, texts, [one, two])
    assert kept == ["Fever."]
    assert (choice.left_out, choice.duplicates) == (3, 1)


@pytest.mark.parametrize(("unit", "between"), [("line", "\n"), ("paragraph", "\n\n")])
def test_documents_of_one_text_file(tmp_path, unit, between):
    pytest.importorskip("datasketch")
    note = "Chest pain since two days, which got worse with every step she took upstairs{}."
    texts = ["Fever.", LONG.format(""), "fever. ", note.format(""), note.format(" slowly")]
    (tmp_path / "notes.txt").write_text(between.join(texts) + "\n", encoding="utf-8")
    (tmp_path / "e.txt").write_text(between.join([OTHER.format(""), LONG.format("")]))
    settings = AdaptSettings(
        leave_out=(str(tmp_path / "e.txt"),), near_duplicates=True, txt_documents=unit
    )
    work, told = tmp_path / "work", []
    work.mkdir()
    corpus = choose_documents([tmp_path / "notes.txt"], work, settings, told.append)
    assert [text.text for text in corpus.read()] == ["Fever.", note.format("")]
    choice = corpus.choice
    assert (choice.documents, choice.left_out, choice.duplicates) == (5, 1, 1)
    assert (choice.near_duplicates, choice.evaluation_texts) == (1, 2)
    assert "txt-documents" not in "".join(told)


def test_text_file_that_may_be_many_documents_is_told(tmp_path):
    pile = "\n".join(f"{LONG.format('')} Day {i}." for i in range(2_000))
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"{name} {pile}", encoding="utf-8")
    (tmp_path / "book.txt").write_text(pile.replace("\n", " "), encoding="utf-8")
    texts = [tmp_path / name for name in ("a.txt", "b.txt", "book.txt")]

    def told_of(**settings):
        work, told = tmp_path / "work", []
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        choose_documents(texts, work, AdaptSettings(**settings), told.append)
        return [line for line in told if "--txt-documents line" in line]

    (line,) = told_of()
    assert f"{tmp_path / 'a.txt'} and 1 more" in line
    assert "chest" not in line
    assert told_of(txt_documents="line") == []
    texts = [tmp_path / "book.txt"]
    assert told_of() == []


@pytest.mark.parametrize("short", ["Chest pain, mild.", "METHODS :", "...", "発熱"])
def test_short_evaluation_texts_are_met_by_equal_documents(tmp_path, short):
    evaluation = write(tmp_path / "e.jsonl", [short, "No.", LONG.format("")])
    texts = [f" {short.lower()}\n", f"{short} And more.", "Fever."]
    kept, choice, told = choose(tmp_path, texts, [evaluation])
    assert kept == texts[1:]
    assert (choice.left_out, choice.evaluation_texts, choice.short_evaluation_texts) == (1, 3, 2)
    assert "2 of the evaluation texts have no sentence of 8 words or more" in told
    kept, _, _ = choose(tmp_path, ["...", "+++", "Fever."], [evaluation])
    assert kept == ["...", "+++", "Fever."][short == "..." :]


def test_text_left_out_of_itself_leaves_nothing_however_short(tmp_path):
    texts = [f"Fever on day {i}." for i in range(9)]
    with pytest.raises(ClintlError, match=r"CL442.*9 documents"):
        choose(tmp_path, texts, [write(tmp_path / "e.jsonl", texts)])


def test_unusable_records_of_evaluation_sets_are_told_and_kept(tmp_path):
    evaluation = tmp_path / "e.jsonl"
    evaluation.write_text('{"note": "Secret"}\n' * 23 + '{"text": "Fever."}\n{"text": " "}\n')
    other = write(tmp_path / "f.jsonl", ["Cough."])
    _, choice, told = choose(tmp_path, ["A", "B"], [other, evaluation])
    assert "23 records of the evaluation sets cannot be used" in told
    assert f"{evaluation}, line 1: no key 'text'" in told.splitlines()
    assert told.endswith("and 3 more.")
    assert "Secret" not in told
    assert (choice.evaluation_left_out["bad"], choice.evaluation_left_out["empty"]) == (23, 1)
    assert choice.evaluation_texts == 2


def test_reading_counts_what_is_not_kept_as_well(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "A"}\n{"text": "a"}\nbroken\n{"text": " "}\n')
    (tmp_path / "work").mkdir()
    corpus = choose_documents([path], tmp_path / "work", AdaptSettings(), print)
    counts = ReadCounts()
    assert [text.text for text in corpus.read(counts)] == ["A"]
    assert (counts.documents, counts.bad, counts.empty) == (2, 1, 1)


def small(**changes):
    values = {"max_steps": 2, "batch_size": 2, "block_length": 16, "precision": "fp32"}
    return AdaptSettings(**{**values, **changes})


def test_everything_left_out_is_one_clear_message(tmp_path):
    base = make_wordpiece_bert(tmp_path / "base")
    text = write(tmp_path / "t.jsonl", [LONG.format(""), OTHER.format("")])
    with pytest.raises(ClintlError, match=r"CL442.*2 documents.*t\.jsonl"):
        adapt(base, tmp_path / "out", [text], small(leave_out=[str(text)]), tell=print)
    assert not list(tmp_path.glob(".*"))
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n")
    with pytest.raises(ClintlError, match=r"CL443.*empty\.txt"):
        adapt(base, tmp_path / "out", [text], small(leave_out=[str(empty)]), tell=print)
    with pytest.raises(ClintlError, match=r"CL400.*1 empty"):
        adapt(base, tmp_path / "out", [empty], small(), tell=print)
    assert not list(tmp_path.glob(".*"))


def test_counts_are_told_written_and_part_of_the_fingerprint(tmp_path):
    base = make_wordpiece_bert(tmp_path / "base")
    evaluation = write(tmp_path / "e.jsonl", [LONG.format("")])
    texts = [LONG.format(""), OTHER.format(""), OTHER.format(""), "No fever.", "No cough."]
    text = write(tmp_path / "t.jsonl", texts)
    settings = small(leave_out=(str(evaluation),))
    report = adapt(base, tmp_path / "out", [text], settings, tell=print)
    assert report["corpus"] == {
        "documents": 5,
        "kept": 3,
        "left_out": 1,
        "duplicates": 1,
        "near_duplicates": 0,
        "evaluation_texts": 1,
        "short_evaluation_texts": 0,
        "evaluation_left_out": {"empty": 0, "bad": 0, "passed_over": 0},
        "cut": False,
    }
    assert report["text"]["documents"] == 3
    assert report == json.loads((tmp_path / "out" / "adaptation.json").read_text())


def test_changed_evaluation_set_starts_anew(tmp_path):
    from spacy_clintl.adaptation.work import open_work_folder

    base = make_wordpiece_bert(tmp_path / "base")
    evaluation = write(tmp_path / "e.jsonl", [LONG.format("")])
    text = write(tmp_path / "t.jsonl", [OTHER.format("")])

    def start():
        told = []
        settings = small(leave_out=(str(evaluation),))
        out = tmp_path / "out"
        open_work_folder(out, base, [text], settings, resume=True, tell=told.append)
        return "".join(told)

    assert start() == ""
    assert "Going on" in start()
    write(evaluation, [OTHER.format("")])
    assert f"this changed: --leave-out ({evaluation} before)" in start()


def test_kept_documents_are_an_array_of_bits_not_of_texts(tmp_path):
    choose(tmp_path, ["a", "b", "a"])
    assert np.load(tmp_path / "work" / "kept.npy").tolist() == [True, True, False]
    assert sorted(p.name for p in (tmp_path / "work").iterdir()) == ["corpus.json", "kept.npy"]
