import gzip
import re
from dataclasses import replace

import pytest
import spacy

from spacy_clintl.data.convert import convert
from spacy_clintl.data.docs import to_doc
from spacy_clintl.data.formats.iob import encode_tags, read_iob
from spacy_clintl.data.formats.xmi import fill_gaps, read_xmi, type_name
from spacy_clintl.data.records import ConversionCounts, Span
from spacy_clintl.errors import ClintlError
from tests.corpora import DATA, needs_data

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><xmi:XMI xmlns:xmi="http://www.omg.org/XMI" '
    'xmlns:cas="http:///uima/cas.ecore" xmlns:c="http:///webanno/custom.ecore" '
    'xmlns:s="http:///de/tudarmstadt/ukp/dkpro/core/api/segmentation/type.ecore" '
    'xmlns:m="http:///de/tudarmstadt/ukp/dkpro/core/api/metadata/type.ecore" '
    'xmlns:n="http:///de/tudarmstadt/ukp/dkpro/core/api/ner/type.ecore" '
    'xmlns:u="http:///uima/noNamespace.ecore" xmi:version="2.0"><cas:NULL xmi:id="0"/>'
)
SOFA = '<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text" sofaString="{}"/>'


def cas(text, *structures, view=None):
    members = "" if view is None else f'<cas:View sofa="1" members="{view}"/>'
    return HEAD + "".join(structures) + SOFA.format(text) + members + "</xmi:XMI>"


def entity(number, begin, end, tag="c:CLINENTITY", rest=""):
    return f'<{tag} xmi:id="{number}" sofa="1" begin="{begin}" end="{end}" {rest}/>'


def read(path, content, **options):
    path.write_text(content, encoding="utf-8", newline="")
    counts = ConversionCounts()
    return list(read_xmi([path], counts, **options)), counts


def test_offsets_count_utf16_units(tmp_path):
    text = "🤕 fiévre\u0301 &amp;\u00a0toux&#13;&#10;🧬 fin"
    plain = "🤕 fiévre\u0301 &\u00a0toux\r\n🧬 fin"
    found = {"fiévre\u0301": (3, 10), "toux": (13, 17), "🧬": (19, 21), "fin": (22, 25)}
    rows = [entity(i, *units) for i, units in enumerate(found.values(), start=5)]
    half = entity(50, 1, 4)
    [record], counts = read(tmp_path / "a.xmi", cas(text, *rows, half))
    assert record.text == plain
    assert [record.text[s.start : s.end] for s in record.spans] == list(found)
    assert [s.id for s in record.spans] == ["5", "6", "7", "8"]
    # An offset between the two units of one character is none.
    [(where, reason)] = counts.skipped
    assert where == f"{tmp_path / 'a.xmi'}, xmi:id 50"
    assert "do not fit" in reason


def test_types_labels_and_attributes(tmp_path):
    content = cas(
        "No severe fever.",
        entity(2, 10, 15, rest='entityID="C1" xtra=""'),
        entity(3, 3, 9, "n:NamedEntity", 'value="GRADE" identifier="x"'),
        entity(4, 0, 2, "n:NamedEntity"),
        entity(5, 0, 2, "c:CUE"),
        entity(6, 0, 2, "u:Plain"),
        '<c:CUELink xmi:id="9" role="of" target="2"/>',
        '<c:META xmi:id="8" sofa="1" begin="0" end="0" year="2020"><k>a</k><k>b</k></c:META>',
        '<m:DocumentMetaData xmi:id="7" sofa="1" begin="0" end="16" language="fr" '
        'documentTitle="note 7.txt" documentId="ann1"/>',
    )
    path = tmp_path / "a.xmi"
    [record], counts = read(path, content)
    assert record.spans == [
        Span(10, 15, "CLINENTITY", id="2", attributes={"entityID": "C1", "xtra": ""}),
        Span(3, 9, "GRADE", id="3", attributes={"identifier": "x"}),
    ]
    assert record.meta == {
        "document": "note 7.txt",
        "lang": "fr",
        "xmi": {"documentId": "ann1", "META": {"year": "2020", "k": ["a", "b"]}},
    }
    assert (record.id, record.where, record.tokens) == ("a", str(path), None)
    reasons = [reason for _, reason in counts.skipped]
    assert "lacks the feature" in reasons[0]
    assert [r.split(",")[0] for r in reasons[1:]] == [
        "1 annotations of type Plain",
        "1 annotations of type webanno.custom.CUE",
    ]
    [record], _ = read(path, content, types=["webanno.custom.CUE", "Plain", "CLINENTITY:entityID"])
    assert [(s.label, s.attributes) for s in record.spans] == [
        ("C1", {"xtra": ""}),
        ("CUE", {}),
        ("Plain", {}),
    ]
    with pytest.raises(
        ClintlError, match=r"CL176.*a.xmi.*CLIN;.*NamedEntity, webanno.custom.C"
    ) as e:
        read(path, content, types=["CLIN;"])
    assert "Plain" in str(e.value)


def test_only_what_is_indexed_counts(tmp_path):
    rows = [entity(2, 0, 1), entity(3, 2, 3), entity(4, 0, 9), entity("", 0, 1), entity(5, 1, 1)]
    [record], counts = read(tmp_path / "a.xml", cas("a b", *rows, view="2 4 5"))
    assert [span.id for span in record.spans] == ["2"]
    assert [reason.split()[0:2] for _, reason in counts.skipped] == [
        ["the", "annotation"],
        ["begin", "and"],
        ["the", "annotation"],
        ["begin", "and"],
    ]


def test_tokens_and_sentences_cover_the_text(tmp_path):
    text = "Mild  fever.\r\nNo 5\u00a0mg x"
    rows = [
        *(entity(i, *p, "s:Token") for i, p in enumerate([(0, 4), (6, 11), (11, 12), (14, 16)])),
        *(entity(i, *p, "s:Sentence") for i, p in enumerate([(0, 12), (14, 23)])),
        entity(9, 17, 21),
    ]
    source = text.replace("\r\n", "&#13;&#10;")
    [record], counts = read(tmp_path / "a.xmi", cas(source, *rows))
    assert record.tokens == ["Mild", " ", "fever", ".", "\r\n", "No", "5", "\u00a0", "mg", "x"]
    assert record.sentences == [0, 5]
    doc = to_doc(record, spacy.blank("en"), counts)
    assert doc.text == text
    assert [sent.text for sent in doc.sents] == ["Mild  fever.\r\n", "No 5\u00a0mg x"]
    assert [ent.text for ent in doc.ents] == ["5\u00a0mg"]
    assert not counts.skipped
    [record], _ = read(tmp_path / "a.xmi", cas(source, *rows), tokens=False)
    assert (record.tokens, record.sentences) == (None, None)
    rows.append(entity(10, 0, 5, "s:Token"))
    [record], counts = read(tmp_path / "a.xmi", cas(source, *rows))
    assert record.tokens is None
    assert len(record.spans) == 1
    assert "tokens overlap" in counts.skipped[0][1]


def test_gaps_at_both_ends():
    text = " \n a bc \u2028"
    words, spaces, starts = fill_gaps(text, [(3, 4), (5, 6), (6, 7)])
    assert "".join(w + " " * s for w, s in zip(words, spaces)) == text
    assert words == [" \n ", "a", "b", "c", "\u2028"]
    assert starts == [0, 3, 5, 6, 8]


def test_each_view_with_a_text_is_a_record(tmp_path):
    second = SOFA.replace('xmi:id="1"', 'xmi:id="2"').replace("_InitialView", "de").format("Husten")
    third = '<cas:Sofa xmi:id="3" sofaID="picture" sofaURI="file:x"/>'
    rows = [entity(4, 0, 5), entity(5, 0, 6).replace('sofa="1"', 'sofa="2"')]
    [one, two], counts = read(tmp_path / "a.xmi", cas("cough", *rows, second, third))
    assert (two.id, two.text, two.spans[0].end) == ("a-_InitialView", "cough", 5)
    assert (one.id, one.text, one.spans[0].end) == ("a-de", "Husten", 6)
    assert not counts.skipped


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"CL136.*a.xmi.*no element found"),
        ("secret", r"CL136.*line 1"),
        (cas("secret")[:-5], r"CL136.*line 1, column"),
        (cas("secret &nope; x"), r"CL136.*undefined entity"),
        (cas("x").replace("UTF-8", "klingon"), r"CL136"),
        (cas("x").replace("UTF-8", "shift_jis"), r"CL136"),
        (
            cas("&x;").replace("<xmi:XMI", '<!DOCTYPE a [<!ENTITY x "secret">]><xmi:XMI', 1),
            r"CL175.*a.xmi",
        ),
        (
            cas("&x;").replace(
                "<xmi:XMI", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><xmi:XMI', 1
            ),
            r"CL175.*a.xmi",
        ),
    ],
)
def test_broken_and_dangerous_files(tmp_path, content, message):
    with pytest.raises(ClintlError, match=message) as caught:
        read(tmp_path / "a.xmi", content)
    assert "secret" not in str(caught.value)


def test_what_is_no_cas_is_passed_over(tmp_path):
    types = '<typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier"/>'
    (tmp_path / "TypeSystem.xml").write_text(types)
    (tmp_path / "b.conf").write_text("no XML")
    (tmp_path / "c.xml").write_text("<html/>")
    (tmp_path / "d.xmi").write_text(cas(" &#10;"))
    with gzip.open(tmp_path / "e.xmi.gz", "wt", encoding="utf-8") as file:
        file.write("\ufeff" + cas("fever", entity(2, 0, 5)))
    counts = ConversionCounts()
    [record] = read_xmi(sorted(tmp_path.iterdir()), counts)
    assert (record.id, record.spans) == ("e", [Span(0, 5, "CLINENTITY", id="2")])
    assert [(where, reason.split()[0]) for where, reason in counts.skipped] == [
        (str(tmp_path / "c.xml"), "not"),
        (str(tmp_path / "d.xmi"), "no"),
    ]
    (tmp_path / "e.xmi.gz").write_bytes((tmp_path / "e.xmi.gz").read_bytes()[:-20])
    with pytest.raises(ClintlError, match=r"CL136.*e.xmi.gz"):
        list(read_xmi(sorted(tmp_path.iterdir()), ConversionCounts()))
    with pytest.raises(ClintlError, match="CL100"):
        list(read_xmi([tmp_path / "none.xmi"], ConversionCounts()))


def test_type_names():
    assert type_name("{http:///uima/tcas.ecore}Annotation") == "uima.tcas.Annotation"
    assert type_name("{http:///uima/noNamespace.ecore}Drug") == "Drug"
    assert type_name("Drug") == "Drug"


@needs_data
@pytest.mark.parametrize(("lang", "n"), [("en", 70), ("es", 43), ("fr", 65)])
def test_e3c_agrees_with_its_iob_version(lang, n, tmp_path):
    """The IOB files hold the same sentences; they leave out discontinuous entities."""
    e3c = DATA / "e3c"
    files = sorted((e3c / "xmi" / lang).glob("*.xml"))
    assert n == sum(len(re.findall("<custom:CLINENTITY ", f.read_text("utf-8"))) for f in files)
    counts = convert("xmi", e3c / "xmi" / lang, tmp_path / "a.spacy", lang=lang)
    assert counts.documents == 3
    assert counts.entities["CLINENTITY"] + counts.overlapping == n
    assert (counts.snapped, counts.trimmed, counts.dropped) == (0, 0, 0)
    iob = {}
    for record in read_iob(sorted(e3c.glob(f"{lang}.t*.iob")), ConversionCounts()):
        iob[tuple(record.tokens)] = [tag[0] for tag in encode_tags(record)]
    n_sentences = n_left_out = 0
    for record in read_xmi(files, ConversionCounts()):
        whole = [s for s in record.spans if "discontinuous" not in s.attributes]
        n_left_out += len(record.spans) - len(whole)
        tags = encode_tags(replace(record, spans=whole))
        ends = [*record.sentences[1:], len(record.tokens)]
        for first, end in zip(record.sentences, ends):
            row = [
                (t, g[0]) for t, g in zip(record.tokens[first:end], tags[first:end]) if t.strip()
            ]
            words, found = zip(*row)
            assert iob[words] == list(found)
            n_sentences += 1
    assert (n_sentences, n_left_out) == {"en": (73, 4), "es": (37, 2), "fr": (44, 1)}[lang]
