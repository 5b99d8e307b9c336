import dataclasses
import unicodedata

import pytest

from spacy_clintl.data.convert import convert, source_files, write_back
from spacy_clintl.data.formats.brat import read_brat, write_brat
from spacy_clintl.data.records import ConversionCounts, Record, Span
from spacy_clintl.errors import ClintlError
from tests.corpora import DATA, needs_data

TEXT = "No severe chest\npain, but chest and back ache.\n"
ANN = (
    "T1\tSIGN 3 15;16 20\tsevere chest pain\n"
    "A1\tNegation T1\n"
    "M2\tCertainty T1 low\n"
    "N1\tReference T1 UMLS:C0008031\tchest pain\n"
    "N2\tICD T1 R07\n"
    "#1\tAnnotatorNotes T1\ta note, \twith a tab\n"
    "T2\tSIGN 26 31;41 45\tchest ache\n"
    "T3\tPART 36 40\tback\n"
    "R1\tLocation Arg1:T2 Arg2:T3\n"
    "E1\tSIGN:T2 Of:T3\n"
    "A7\tSpeculation E1\n"
    "#9\tAnnotatorNotes A7\tperhaps\n"
    "*\tEquiv T1 T2\n"
)


def folder_of(tmp_path, files):
    for name, content in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path / "in"


def read(folder, pattern="*", **options):
    counts = ConversionCounts()
    return list(read_brat(source_files(folder, pattern), counts, **options)), counts


def there_and_back(tmp_path, folder, pattern="*", **options):
    """Convert, write, convert again; return the folder written and the two sets of records."""
    sets = []
    for source in (folder, tmp_path / "back"):
        convert("brat", source, tmp_path / "a.spacy", pattern=pattern, options=options)
        write_back("brat", tmp_path / "a.spacy", tmp_path / "back")
        records, counts = read(source, pattern, **options)
        assert source == folder or not counts.n_skipped
        sets.append([dataclasses.replace(record, where="") for record in records])
    return tmp_path / "back", *sets


def test_entities_and_what_is_said_of_them(tmp_path):
    [record], counts = read(folder_of(tmp_path, {"n1.txt": TEXT, "n1.ann": ANN}))
    assert not counts.n_skipped
    assert record.text == TEXT
    assert (record.id, record.meta["document"]) == ("n1", "n1")
    assert record.where.endswith("n1.txt")
    first, second, third = record.spans
    # What only a line end divides is no discontinuous entity.
    assert first == Span(
        3,
        20,
        "SIGN",
        id="T1",
        attributes={
            "Negation": True,
            "Certainty": "low",
            "references": [
                {"id": "UMLS:C0008031", "text": "chest pain"},
                {"type": "ICD", "id": "R07"},
            ],
        },
        notes=("a note, \twith a tab",),
    )
    assert second == Span(26, 45, "SIGN", fragments=((26, 31), (41, 45)), id="T2")
    assert third == Span(36, 40, "PART", id="T3")
    assert record.meta["brat"]["lines"] == ANN.splitlines()[-5:]


def test_a_round_trip_keeps_every_line(tmp_path):
    more = {
        "n1.txt": TEXT,
        "n1.ann": ANN,
        "sub/n1.txt": "fièvre 🤕\u2028à 40\u00a0°C\r\nhier " + unicodedata.normalize("NFD", "né"),
        "sub/n1.ann": "T5\tSIGN 0 8\tfièvre 🤕\nT4\tNUM 11 16\t40\u00a0°C\n#7\tOwn T4\tx\n"
        "T1\tTIME 18 26\thier ne\u0301\n",
        "sub/none.txt": "not annotated",
        "sub/empty.txt": "annotated",
        "sub/empty.ann": "",
    }
    folder = folder_of(tmp_path, more)
    written, before, after = there_and_back(tmp_path, folder, "**/*")
    files = {p.relative_to(written).as_posix() for p in written.rglob("*") if p.is_file()}
    assert files == set(more)
    for name, content in more.items():
        assert (written / name).read_bytes().decode() == content, name
    assert before == after
    assert [record.id for record in after] == ["n1", "sub/empty", "sub/n1", "sub/none"]
    assert [record.spans is None for record in after] == [False, False, False, True]
    assert after[1].spans == []
    assert [after[2].text[s.start : s.end] for s in after[2].spans][1] == "40\u00a0°C"


def test_a_line_end_in_an_entity_in_both_spellings(tmp_path):
    for ann in ("T1\tSIGN 10 20\tchest pain\n", "T1\tSIGN 10 15;16 20\tchest pain\n"):
        folder = folder_of(tmp_path, {"a.txt": TEXT, "a.ann": ann})
        written, before, after = there_and_back(tmp_path, folder)
        assert before == after
        assert before[0].spans == [Span(10, 20, "SIGN", id="T1")]
        assert (written / "a.ann").read_text() == "T1\tSIGN 10 15;16 20\tchest pain\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("T2\tSIGN 3 9\tsecret", "covered text"),
        ("T2\tSIGN 3 9 severe", "not an entity"),
        ("T2\tSIGN 3 9", "not an entity"),
        ("T2\tSIGN 3 99\tsecret", "do not fit 47"),
        ("T2\tSIGN 3 99999999999999999999\tsecret", "not an entity"),
        ("T2\tSIGN -1 9\tsecret", "not an entity"),
        ("T2\tSIGN 9 3\tsecret", "not in order"),
        ("T2\tSIGN 3 3\t", "not in order"),
        ("T2\tSIGN 10 15;3 9\tchest severe", "not in order"),
        ("T2\tSIGN 3 9;8 15\tsevere e chest", "not in order"),
        ("T1\tSIGN 3 9\tsevere", "two lines T1"),
        ("secret", "not a line of the format"),
        ("T2 SIGN 3 9 secret", "not a line of the format"),
        ("A1\tsecret T9", "missing or was skipped"),
        ("#1\tAnnotatorNotes T9\tsecret", "missing or was skipped"),
        ("R1\tOf Arg1:T1 Arg2:T9", "missing or was skipped"),
        ("E1\tSIGN:T9", "missing or was skipped"),
        ("*\tEquiv T1 T9", "missing or was skipped"),
        ("N1\tReference T9 X:1", "missing or was skipped"),
        ("N1\tReference Annotation:T9 Referent:X:1", "missing or was skipped"),
    ],
)
def test_a_bad_line_is_skipped_and_named_without_its_text(tmp_path, line, reason):
    ann = f"T1\tPART 10 15\tchest\n\n{line}\nT3\tPART 36 40\tback\n"
    folder = folder_of(tmp_path, {"a.txt": TEXT, "a.ann": ann})
    [record], counts = read(folder)
    assert record.spans == [Span(10, 15, "PART", id="T1"), Span(36, 40, "PART", id="T3")]
    assert "brat" not in record.meta
    [(where, message)] = counts.skipped
    assert where == f"{folder / 'a.ann'}:3"
    assert reason in message
    assert "secret" not in message


def test_lines_about_skipped_lines_are_skipped_along(tmp_path):
    ann = (
        "#1\tAnnotatorNotes R1\tx\nR1\tOf Arg1:E1 Arg2:T2\nE1\tPART:T1\n"
        "T1\tPART 10 15\twrong\nT2\tPART 36 40\tback\nE2\tPART:T2\n"
    )
    [record], counts = read(folder_of(tmp_path, {"a.txt": TEXT, "a.ann": ann}))
    assert counts.n_skipped == 4
    assert record.meta["brat"]["lines"] == ["E2\tPART:T2"]


def test_what_a_span_has_no_place_for_is_kept_as_lines(tmp_path):
    ann = (
        "T1\tPART 10 15\tchest\nA1\tSide T1 left\nA2\tSide T1 right\nA3\treferences T1\n"
        "A4\tToo T1 many words\nN1\tReference Annotation:T1 Referent:X:1\n#1\tAnnotatorNotes T1\n"
    )
    folder = folder_of(tmp_path, {"a.txt": TEXT, "a.ann": ann})
    written, before, after = there_and_back(tmp_path, folder)
    assert before == after
    assert before[0].spans[0].attributes == {"Side": "left"}
    assert len(before[0].meta["brat"]["lines"]) == 5
    assert (written / "a.ann").read_text() == ann


def test_byte_order_mark_and_crlf(tmp_path):
    text = b"\xef\xbb\xbfNo\r\nfever\r\n"
    for ann in (b"T1\tSIGN 5 10\tfever\r\n", b"\xef\xbb\xbfT1\tSIGN 4 9\tfever\r\n"):
        [record], counts = read(folder_of(tmp_path, {"a.txt": text, "a.ann": ann}))
        assert not counts.n_skipped
        assert (record.text, record.spans) == (
            "No\r\nfever\r\n",
            [Span(4, 9, "SIGN", id="T1")],
        )


def test_partners(tmp_path):
    files = {
        "alone.ann": "T1\tA 0 1\tx\n",
        "blank.txt": " \n",
        "annotation.conf": "[entities]",
        "both.txt": "fever",
        "both.ann": "T1\tSIGN 0 5\tfever\n",
        "both.a1": "T1\tOTHER 0 5\tfever\n",
        "shared.u1.txt": "fever",
        "shared.u1.a1": "T1\tSIGN 0 5\tfever\n",
        "shared.u1.a2": "A1\tNegation T1\n",
    }
    folder = folder_of(tmp_path, files)
    records, counts = read(folder)
    assert [(r.id, r.spans) for r in records] == [
        ("both", [Span(0, 5, "SIGN", id="T1")]),
        ("shared.u1", [Span(0, 5, "SIGN", id="T1", attributes={"Negation": True})]),
    ]
    assert [where.rpartition("/")[2] for where, _ in counts.skipped] == [
        "alone.ann",
        "blank.txt",
        "both.a1",
    ]
    # One file, or one kind of file, finds its partner.
    for source, pattern in (
        (folder / "both.txt", "*"),
        (folder / "both.ann", "*"),
        (folder, "b*.ann"),
    ):
        assert read(source, pattern)[0] == records[:1]
    with pytest.raises(ClintlError, match=r"CL134.*no file in .txt, .ann"):
        read(folder, "*.conf")
    (folder / "both.ann").write_bytes("T1\tSIGN 0 5\tfièvre".encode("latin-1"))
    with pytest.raises(ClintlError, match=r"CL135.*both.ann"):
        read(folder)


def test_label_from_a_note(tmp_path):
    ann = (
        "T1\tC0008031 10 20\tchest pain\n#1\tAnnotatorNotes T1\tfirst\n"
        '#2\tAnnotatorNotes T1\t"C0008031" ,"DISO"\n'
        "T2\tC0004600 36 40\tback\n#3\tAnnotatorNotes T2\tno group\nR1\tOf Arg1:T1 Arg2:T2\n"
    )
    folder = folder_of(tmp_path, {"a.txt": TEXT, "a.ann": ann})
    written, [record], after = there_and_back(tmp_path, folder, label_from_note='"([A-Z]{4})"')
    assert after == [record]
    assert [(s.label, s.attributes) for s in record.spans] == [("DISO", {"brat_type": "C0008031"})]
    assert (written / "a.ann").read_text().startswith("T1\tC0008031 10 15;16 20\t")
    _, counts = read(folder, label_from_note='"([A-Z]{4})"')
    assert [where.rpartition(":")[2] for where, _ in counts.skipped] == ["4", "6"]
    assert read(folder, label_from_note="[a-z]+ ?[a-z]+")[0][0].spans[1].label == "no group"
    with pytest.raises(ClintlError, match=r"CL133.*--label-from-note"):
        read(folder, label_from_note="(")


def test_writing_what_came_from_elsewhere(tmp_path):
    spans = [
        Span(0, 2, "NEG", id="17", attributes={"sure": 0.5, "of": ["x"], "why not": "a b"}),
        Span(3, 9, "SIGN", id="T1", notes=("two\nlines",), attributes={"assertion": "absent"}),
        Span(10, 15, "PART", id="T1"),
        Span(15, 20, "ODD", attributes={"references": "none", "neg": False}),
    ]
    meta = {"brat": {"lines": ["R1\tOf Arg1:T1 Arg2:T2", "R2\tOf Arg1:T1 Arg2:T9"]}}
    records = [
        Record(TEXT, spans=spans, id="../a:b/c"),
        Record(TEXT, spans=[spans[2]], id="../a:b/c", meta=meta),
        Record("unannotated", id=".hidden"),
        Record("x", spans=[]),
    ]
    write_brat(records, tmp_path / "out")
    names = sorted(
        p.relative_to(tmp_path).as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()
    )
    assert names == [
        *("out/_./a_b/c-2.ann", "out/_./a_b/c-2.txt", "out/_./a_b/c.ann", "out/_./a_b/c.txt"),
        *("out/_hidden.txt", "out/document-4.ann", "out/document-4.txt"),
    ]
    lines = (tmp_path / "out/_./a_b/c.ann").read_text().splitlines()
    assert lines == [
        "T2\tNEG 0 2\tNo",
        "A1\tsure T2 0.5",
        '#1\tAnnotatorNotes T2\tof: ["x"]',
        '#2\tAnnotatorNotes T2\twhy not: "a b"',
        "T1\tSIGN 3 9\tsevere",
        "A2\tassertion T1 absent",
        "#3\tAnnotatorNotes T1\ttwo lines",
        "T3\tPART 10 15\tchest",
        "T4\tODD 15 20\t pain",
        "A3\tneg T4 False",
        '#4\tAnnotatorNotes T4\treferences: "none"',
    ]
    # Relations of entities that are gone are not written, and their names are not given anew.
    assert (tmp_path / "out/_./a_b/c-2.ann").read_text() == "T1\tPART 10 15\tchest\n"
    write_brat([dataclasses.replace(records[1], spans=spans[2:])], tmp_path / "new")
    assert "T3\tODD" in (tmp_path / "new/_./a_b/c.ann").read_text()
    with pytest.raises(ClintlError, match=r"CL170.*'two words'"):
        write_brat([Record("x", spans=[Span(0, 1, "two words")])], tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


@needs_data
def test_ncbi_disease(tmp_path):
    folder = DATA / "ncbi_disease_brat"
    counts = convert("brat", folder, tmp_path / "a.spacy")
    # grep -c: 462 T lines, 473 N lines in 60 files.
    assert (counts.documents, counts.documents_with_entities_annotated) == (60, 60)
    assert counts.entities == {
        "SpecificDisease": 251,
        "Modifier": 133,
        "DiseaseClass": 61,
        "CompositeMention": 17,
    }
    assert (counts.n_skipped, counts.snapped, counts.overlapping, counts.dropped) == (0, 0, 0, 0)
    records, _ = read(folder)
    assert sum(len(s.attributes["references"]) for r in records for s in r.spans) == 473
    assert write_back("brat", tmp_path / "a.spacy", tmp_path / "back") == 60
    for path in folder.iterdir():
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()


GROUPS = "ACTI|ANAT|CHEM|CONC|DEVI|DISO|GENE|GEOG|LIVB|OBJC|OCCU|ORGA|PHEN|PHYS|PROC"


@needs_data
@pytest.mark.parametrize(
    ("part", "n", "fragmented"),
    [("en_es/en", 332, 7), ("en_es/es", 324, 6), ("en_fr/en", 284, 5), ("en_fr/fr", 279, 1)],
)
def test_mantra(tmp_path, part, n, fragmented):
    folder = DATA / "mantra" / f"medline_{part}"
    option = {"label_from_note": f'"({GROUPS})"'}
    records, counts = read(folder, **option)
    assert (len(records), counts.n_skipped) == (100, 0)
    spans = [span for record in records for span in record.spans]
    # grep -c '^T' and grep -c ';' in the offsets.
    assert len(spans) == n
    assert sum(bool(span.fragments) for span in spans) == fragmented
    assert all(len(span.label) == 4 and span.attributes["brat_type"][0] == "C" for span in spans)
    written, before, after = there_and_back(tmp_path, folder, **option)
    assert before == after
    for path in folder.iterdir():
        assert (written / path.name).read_bytes() == path.read_bytes()
