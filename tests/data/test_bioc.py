import gzip
import json
import tracemalloc

import pytest

from spacy_clintl.data.convert import convert
from spacy_clintl.data.formats import jsonfile
from spacy_clintl.data.formats.bioc import read_bioc
from spacy_clintl.data.formats.jsonfile import json_elements
from spacy_clintl.data.records import ConversionCounts, Span
from spacy_clintl.errors import ClintlError

# Offsets count characters: é below is two, the face is one.
XML = """\ufeff<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection>
  <source>Notes</source><date>2020</date><key>a.key</key><infon key="kind">gold</infon>
  <document>
    <id> 17 </id><infon key="lang">en</infon>
    <passage>
      <infon key="type">title</infon><offset>0</offset><text>Ocular &amp; auditory pain 🤕</text>
      <annotation id="T1"><infon key="type">SIGN</infon><infon key="MESH">D1|D2</infon>
        <location offset="0" length="22"/><text>Ocular &amp; auditory pain</text></annotation>
      <annotation id="T2"><infon key="type">SIGN</infon>
        <location offset="18" length="4"/><location offset="0" length="6"/>
        <text>Ocular ... pain</text></annotation>
    </passage>
    <passage>
      <infon key="type">abstract</infon><offset>27</offset>
      <sentence><offset>27</offset><text>Fie\u0300vre.</text>
        <annotation id="T3"><infon key="type">SIGN</infon>
          <location offset="27" length="7"/><text>Fie\u0300vre</text></annotation>
      </sentence>
      <sentence><offset>37</offset><text>Cough</text></sentence>
      <annotation id="T4"><infon key="type">SIGN</infon>
        <location offset="37" length="5"/><text>Cough</text></annotation>
      <relation id="R1"><infon key="type">same</infon><node refid="T1" role="a"/>
        <node refid="T3" role="b"/></relation>
    </passage>
  </document>
  <document><id>18</id><passage><offset>0</offset><text>Well</text></passage></document>
</collection>
"""


def passage(offset, text, *annotations, **more):
    rows = [
        {
            "id": str(i),
            "infons": {"type": "A"},
            "text": mention,
            "locations": [{"offset": a, "length": b - a}],
        }
        for i, (a, b, mention) in enumerate(annotations)
    ]
    return {"offset": offset, "text": text, "annotations": rows, **more}


def read(path, content, **options):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    counts = ConversionCounts()
    return list(read_bioc([path], counts, **options)), counts


def test_xml(tmp_path):
    path = tmp_path / "a.xml"
    [first, second], counts = read(path, XML)
    assert not counts.skipped
    assert first.text == "Ocular & auditory pain 🤕\n  Fie\u0300vre.  Cough"
    assert first.spans == [
        Span(0, 22, "SIGN", id="T1", attributes={"MESH": "D1|D2"}),
        Span(0, 22, "SIGN", id="T2", fragments=((0, 6), (18, 22))),
        Span(27, 34, "SIGN", id="T3"),
        Span(37, 42, "SIGN", id="T4"),
    ]
    assert first.text[27:34] == "Fie\u0300vre"
    assert (first.id, first.where) == ("17", f"{path}, document 1")
    assert first.meta == {
        "document": "17",
        "bioc": {
            "source": "Notes",
            "date": "2020",
            "key": "a.key",
            "collection": {"kind": "gold"},
            "infons": {"lang": "en"},
            "passages": [
                {"start": 0, "end": 24, "infons": {"type": "title"}},
                {"start": 27, "end": 42, "infons": {"type": "abstract"}},
            ],
            "relations": [
                {
                    "id": "R1",
                    "infons": {"type": "same"},
                    "nodes": [{"refid": "T1", "role": "a"}, {"refid": "T3", "role": "b"}],
                }
            ],
        },
    }
    assert (second.text, second.spans, second.id) == ("Well", [], "18")
    counts = convert("bioc", path, tmp_path / "a.spacy")
    assert (counts.documents, counts.discontinuous) == (2, 1)
    [first, _], counts = read(path, XML, label_infon="MESH")
    assert first.spans == [Span(0, 22, "D1|D2", id="T1", attributes={"type": "SIGN"})]
    assert [reason for _, reason in counts.skipped] == ["the annotation has no infon 'MESH'"] * 3


DOCUMENT = {"id": 5, "passages": [passage(0, "No fever", (3, 8, "fever"))]}


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("a.json", json.dumps({"source": "s", "documents": [DOCUMENT]}), ", document 1"),
        ("a.json", json.dumps({"PubTator3": [DOCUMENT]}, indent=1), ", document 1"),
        ("a.json", json.dumps([{"documents": [DOCUMENT]}]), ", document 1"),
        ("a.json", json.dumps([DOCUMENT]), ", document 1"),
        ("a.biocjson", json.dumps(DOCUMENT), ", document 1"),
        ("a.bioc", "\n " + json.dumps(DOCUMENT), ", document 1"),
        ("a.jsonl", "\n" + json.dumps(DOCUMENT), ":2"),
        ("a.jsonl", json.dumps({"documents": [DOCUMENT]}), ":1"),
    ],
)
def test_shapes_of_json(tmp_path, name, content, where):
    [record], counts = read(tmp_path / name, content)
    assert not counts.skipped
    assert record.spans == [Span(3, 8, "A", id="0")]
    assert (record.id, record.where) == ("5", f"{tmp_path / name}{where}")


@pytest.mark.parametrize(
    ("passages", "text", "spans"),
    [
        # One line end, and spaces up to the offset.
        ([passage(0, "ab"), passage(6, "cd", (6, 8, "cd"))], "ab\n   cd", [(6, 8)]),
        # The first passage begins the text.
        ([passage(50, "ab", (50, 51, "a")), passage(53, "cd", (53, 55, "cd"))], "ab\ncd", [0, 3]),
        # Too wide, negative and missing gaps: moved.
        ([passage(0, "ab"), passage(90_000, "cd", (90_000, 90_002, "cd"))], "ab\ncd", [(3, 5)]),
        ([passage(0, "ab", (0, 2, "ab")), passage(0, "cd", (0, 2, "cd"))], "ab\ncd", [0, 3]),
        ([passage(0, "ab"), passage(2, "cd", (2, 4, "cd"))], "ab\ncd", [(3, 5)]),
        # In another passage, and over two.
        ([passage(0, "ab", (3, 5, "cd"), (1, 4, "b c")), passage(3, "cd")], "ab\ncd", [3, (1, 4)]),
        ([passage(0, ""), passage(1, "x\u2028y", (1, 4, "x y"))], "x\u2028y", [(0, 3)]),
    ],
)
def test_offsets_of_passages(tmp_path, passages, text, spans):
    [record], counts = read(tmp_path / "a.json", {"id": "1", "passages": passages})
    assert not counts.skipped
    assert record.text == text
    starts = [s if isinstance(s, int) else s[0] for s in spans]
    assert [span.start for span in record.spans] == starts
    for span, expected in zip(record.spans, spans):
        assert isinstance(expected, int) or (span.start, span.end) == expected


def annotation(**changes):
    good = {"infons": {"type": "A"}, "text": "fever", "locations": [{"offset": 3, "length": 5}]}
    return {**good, **changes}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (annotation(text="secret"), "text is not what stands"),
        (annotation(text=5), "text is not what stands"),
        (annotation(infons={}), "no infon 'type'"),
        (annotation(infons=None), "no infon 'type'"),
        (annotation(infons={"type": " "}), "no infon 'type'"),
        (annotation(infons={"type": "A", "x": [[[[[[["secret"]]]]]]]}), "nested too deeply"),
        (annotation(locations=[]), "no location"),
        (annotation(locations=["secret"]), "no offset"),
        (annotation(locations=[{"offset": 3, "length": 0}]), "no length"),
        (annotation(locations=[{"offset": 3, "length": 50}]), "3-53 does not fit"),
        (annotation(locations=[{"offset": -3, "length": 5}]), "no offset"),
        (annotation(locations=[{"offset": True, "length": 5}]), "no offset"),
        (annotation(locations=[{"offset": 3, "length": 2**70}]), "no offset"),
        (annotation(locations=[{"offset": 3, "length": 5}] * 2), "overlap"),
        (annotation(locations={"offset": 3}), "not a list"),
        ("secret", "not an object"),
    ],
)
def test_a_bad_annotation_is_skipped_and_named_without_its_text(tmp_path, bad, reason):
    document = {"id": "1", "passages": [{**passage(0, "No fever"), "annotations": [bad]}]}
    document["annotations"] = [annotation()]
    [record], counts = read(tmp_path / "a.json", document)
    assert record.spans == [Span(3, 8, "A")]
    [(where, message)] = counts.skipped
    assert where == f"{tmp_path / 'a.json'}, document 1, annotation 1"
    assert reason in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"passages": []}, "no text"),
        ({"passages": [passage(0, " \n")]}, "no text"),
        ({"passages": [passage(None, "secret")]}, "no offset"),
        ({"passages": [passage("x", "secret")]}, "no offset"),
        ({"passages": ["secret"]}, "not an object"),
        ({"passages": {"secret": 1}}, "not a list"),
        ({"passages": [passage(0, "secret \ud83d")]}, "surrogate"),
        ({"passages": [passage(0, "secret", infons=[[[[[[[1]]]]]]])]}, "nested"),
        ({"text": "secret"}, "neither"),
        ("secret", "neither"),
        (7, "neither"),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_bad_document_is_skipped_and_named_without_its_text(tmp_path, name, bad, reason):
    content = "".join(json.dumps(d) + "\n" for d in (DOCUMENT, bad, DOCUMENT))
    records, counts = read(tmp_path / name, content)
    assert [record.id for record in records] == ["5", "5"]
    [(where, message)] = counts.skipped
    assert where == f"{tmp_path / name}" + (":2" if name == "a.jsonl" else ", document 2")
    assert reason in message
    assert "secret" not in message


def test_odd_numbers_fit_into_a_spacy_file(tmp_path):
    content = json.dumps(DOCUMENT).replace(
        '"type": "A"', f'"type": "A", "n": {"9" * 5000}, "x": NaN, "y": 1e999, "z": 1.5'
    )
    [record], _ = read(tmp_path / "a.json", content)
    assert record.spans[0].attributes == {"n": "9" * 5000, "x": "NaN", "y": "1e999", "z": 1.5}
    assert convert("bioc", tmp_path / "a.json", tmp_path / "a.spacy").documents == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xml", "secret", r"CL136.*a.xml.*line 1"),
        ("a.xml", XML[:700], r"CL136.*a.xml.*line"),
        ("a.xml", XML.replace('"BioC.dtd"', '"x" [<!ENTITY secret "x">]'), r"CL175.*a.xml"),
        ("a.json", '{"documents": [\n{"id": "secret"', r"CL136.*a.json.*line 2"),
        ("a.json", '{"documents": [{"passages": []}, secret', r"CL136.*Expecting value"),
        ("a.json", '{"documents": [] secret', r"CL136.*Expecting"),
        ("a.json", "{secret: 1}", r"CL136.*Expecting"),
        ("a.json", '{"documents": ' + "[" * 200_000, r"CL136.*nested"),
    ],
)
def test_broken_files_are_errors(tmp_path, name, content, message):
    with pytest.raises(ClintlError, match=message) as caught:
        read(tmp_path / name, content)
    assert "secret" not in str(caught.value)


def test_deep_xml_is_skipped(tmp_path):
    deep = "<sentence>" * 100_000 + "</sentence>" * 100_000
    content = XML.replace("<passage>", f"<passage>{deep}", 1)
    [record], counts = read(tmp_path / "a.xml", content)
    assert record.id == "18"
    assert counts.skipped == [(f"{tmp_path / 'a.xml'}, document 1", "XML nested too deeply")]


def test_what_is_no_bioc_is_passed_over(tmp_path):
    (tmp_path / "README.md").write_text("text")
    (tmp_path / "a.json").write_text("")
    (tmp_path / "b.json").write_text('{"documents": []}')
    (tmp_path / "c.xml").write_text("<html/>")
    (tmp_path / "d.jsonl").write_text("{\n" + "[" * 200_000 + "\n")
    with gzip.open(tmp_path / "e.json.gz", "wt", encoding="utf-8") as file:
        file.write("\ufeff" + json.dumps(DOCUMENT))
    counts = ConversionCounts()
    [record] = read_bioc(sorted(tmp_path.iterdir()), counts)
    assert record.id == "5"
    assert [where.rpartition("/")[2] for where, _ in counts.skipped] == [
        *("a.json", "b.json", "c.xml", "d.jsonl:1", "d.jsonl:2"),
    ]
    (tmp_path / "f.json").write_bytes(b'{"documents": [\n"\xff"]}')
    with pytest.raises(ClintlError, match=r"CL135.*f.json"):
        list(read_bioc([tmp_path / "f.json"], ConversionCounts()))
    with pytest.raises(ClintlError, match="CL100"):
        list(read_bioc([tmp_path / "none.json"], ConversionCounts()))
    with pytest.raises(ClintlError, match="CL134"):
        convert("bioc", tmp_path / "b.json", tmp_path / "b.spacy")


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
def test_values_cut_at_any_place(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(jsonfile, "CHUNK", chunk)
    values = [{"a": 'x\u2028"\\ \u00e9🤕 y'}, -12.5e-3, True, None, 123456, [], {}, "", [[1, 2], 3]]
    path = tmp_path / "a.json"
    for ascii_only in (True, False):
        data = {"k": 12345, "list": values, "l": [1, 2], "e": {}}
        path.write_text(json.dumps(data, ensure_ascii=ascii_only, indent=1), encoding="utf-8")
        assert [value for value, _ in json_elements(path, ["list"])] == values
        assert [around for _, around in json_elements(path, ["list"])][-1] == {
            "k": 12345,
            "l": [1, 2],
            "e": {},
        }
        assert [value for value, _ in json_elements(path, [])] == [data]
    path.write_text("[1, 2]\n3 {}")
    assert [value for value, _ in json_elements(path, [])] == [1, 2, 3, {}]


@pytest.mark.parametrize("name", ["a.json", "a.xml"])
def test_memory_does_not_grow_with_the_collection(tmp_path, name):
    path = tmp_path / name
    text = "No fever. " * 1000
    document = f"<document><id>1</id><passage><offset>0</offset><text>{text}</text></passage>"
    if name == "a.xml":
        path.write_text(f"<collection>{(document + '</document>') * 800}</collection>")
    else:
        path.write_text(json.dumps({"documents": [{"passages": [passage(0, text)]}] * 800}))
    assert path.stat().st_size > 8_000_000
    tracemalloc.start()
    n = sum(1 for _ in read_bioc([path], ConversionCounts()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 800
    assert peak < 2_000_000
