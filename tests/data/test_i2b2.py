import pytest
from spacy.vocab import Vocab

from spacy_clintl.data.convert import convert, source_files
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.data.docs import to_record
from spacy_clintl.data.formats.i2b2 import read_i2b2
from spacy_clintl.data.records import ConversionCounts, Span
from spacy_clintl.errors import ClintlError

TXT = "DIAGNOSIS :\n\nNo severe  chest pain ; mother had Asthma .\nGiven 5\u00a0mg aspirin 🤕\n"
CON = (
    'c="asthma" 3:7 3:7||t="problem"\n'
    'c="severe chest pain" 3:1 3:3||t="problem"\n'
    'c="5\u00a0mg aspirin" 4:1 4:2||t="treatment"\n'
)
AST = (
    'c="severe chest pain" 3:1 3:3||t="problem"||a="absent"\n'
    'c="asthma" 3:7 3:7||t="problem"||a="associated_with_someone_else"\n'
)


def folder_of(tmp_path, files):
    for name, content in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path / "in"


def read(folder, pattern="**/*", **options):
    counts = ConversionCounts()
    return list(read_i2b2(source_files(folder, pattern), counts, **options)), counts


def covered(record):
    return [(record.text[span.start : span.end], span.label) for span in record.spans]


@pytest.mark.parametrize("folders", [("", "", ""), ("txt/", "concept/", "ast/")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_concepts_and_assertions(tmp_path, folders, end):
    txt, con, ast = folders
    files = {f"{txt}r-1.txt": TXT, f"{con}r-1.con": CON, f"{ast}r-1.ast": AST}
    folder = folder_of(tmp_path, {n: c.replace("\n", end) for n, c in files.items()})
    [record], counts = read(folder)
    assert not counts.n_skipped
    assert record.text == (
        "DIAGNOSIS : No severe chest pain ; mother had Asthma . Given 5\u00a0mg aspirin 🤕"
    )
    assert (record.id, record.meta) == ("r-1", {"document": "r-1"})
    assert record.where == f"{folder}/{txt}r-1.txt:1"
    assert record.sentences == [0, 2, 11]
    assert record.tokens[12:14] == ["5\u00a0mg", "aspirin"]
    assert record.cats is None
    assert covered(record) == [
        ("severe chest pain", "problem"),
        ("Asthma", "problem"),
        ("5\u00a0mg aspirin", "treatment"),
    ]
    assert [span.attributes for span in record.spans] == [
        {"assertion": "absent"},
        {"assertion": "associated_with_someone_else"},
        {},
    ]


def test_sentences_as_texts_and_assertions_as_labels_and_categories(tmp_path):
    folder = folder_of(tmp_path, {"r.txt": TXT, "r.con": CON, "r.ast": AST})
    records, _ = read(folder, group=1, assertions="label")
    assert [record.id for record in records] == ["r-1", "r-2", "r-3"]
    assert [record.where.rpartition(":")[2] for record in records] == ["1", "3", "4"]
    assert [covered(record) for record in records] == [
        [],
        [
            ("severe chest pain", "problem-absent"),
            ("Asthma", "problem-associated_with_someone_else"),
        ],
        [("5\u00a0mg aspirin", "treatment")],
    ]
    assert all(record.sentences == [0] for record in records)
    records, _ = read(folder, group=2, assertions="cats")
    assert [record.sentences for record in records] == [[0, 2], [0]]
    assert [span.label for span in records[0].spans] == ["problem", "problem"]
    held = [sorted(key for key, value in r.cats.items() if value) for r in records]
    assert held == [["assertion/absent", "assertion/associated_with_someone_else"], []]
    assert all(len(record.cats) == 6 for record in records)
    for option in ({"group": -1}, {"assertions": "class"}):
        with pytest.raises(ClintlError, match="CL133"):
            read(folder, **option)


def test_what_is_missing_is_not_annotated(tmp_path):
    files = {
        "bare.txt": "No fever\n",
        "empty.txt": "No fever\n",
        "empty.con": "",
        "empty.ast": "\n",
        "half.txt": "No fever\n",
        "half.ast": 'c="fever" 1:1 1:1||t="problem"||a="absent"\n',
        "blank.txt": "\n \n",
        "lost.con": 'c="fever" 1:1 1:1||t="problem"\n',
        "empty.rel": "",
        "README.md": "about",
    }
    folder = folder_of(tmp_path, files)
    records, counts = read(folder, assertions="cats")
    assert [record.id for record in records] == ["bare", "empty", "half"]
    assert [record.spans for record in records] == [None, [], None]
    assert [record.cats and sum(record.cats.values()) for record in records] == [None, 0, None]
    assert sorted((where.rpartition("/")[2], reason) for where, reason in counts.skipped) == [
        ("blank.txt", "no text"),
        ("empty.rel", "relations are not read"),
        ("half.ast", "there is no .con file for it"),
        ("lost.con", "there is no .txt file of this name"),
    ]
    with pytest.raises(ClintlError, match=r"CL134.*no .txt file.*--pattern"):
        read(folder, "*.con")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('c="secret" 1:1 1:1||t="problem"', "not what stands"),
        ('c="fever" 0:1 0:1||t="problem"', "no such tokens"),
        ('c="fever" 9:1 9:1||t="problem"', "no such tokens"),
        ('c="fever" 2:0 2:0||t="problem"', "no such tokens"),
        ('c="fever" 1:9 1:9||t="problem"', "no such tokens"),
        ('c="fever" 1:1 1:9||t="problem"', "no such tokens"),
        ('c="fever" 3:1 1:1||t="problem"', "no such tokens"),
        ('c="fever" 1:1 1:0||t="problem"', "no such tokens"),
        ('c="fever" 1:1 1:99999999999999||t="problem"', "not a line"),
        ('c="fever" 1:-1 1:1||t="problem"', "not a line"),
        ('c="fever" 1:1 1:1||t=""', "not a line"),
        ('c="fever" 1:1 1:1', "not a line"),
        ("secret", "not a line"),
        ('c="Fever" 1:1 1:1||t="problem"', "twice"),
    ],
)
def test_a_bad_line_is_skipped_and_named_without_its_text(tmp_path, line, reason):
    con = f'c="fever" 1:1 1:1||t="problem"\n{line}\nc="pain" 3:0 3:0||t="problem"\n'
    folder = folder_of(tmp_path, {"r.txt": "No fever\n\npain now\n", "r.con": con})
    [record], counts = read(folder)
    assert covered(record) == [("fever", "problem"), ("pain", "problem")]
    [(where, message)] = counts.skipped
    assert where == f"{folder / 'r.con'}:2"
    assert reason in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('c="fever" 1:1 1:1||t="problem"||a="secret"', "none of present"),
        ('c="fever" 1:1 1:1||t="problem"', "not a line"),
        ('c="no" 1:0 1:0||t="problem"||a="absent"', "no such concept"),
        ('c="fever" 1:1 1:1||t="test"||a="absent"', "no such concept"),
        ('c="fever" 1:1 1:1||t="problem"||a="present"', "another assertion"),
    ],
)
def test_a_bad_assertion(tmp_path, line, reason):
    con = 'c="fever" 1:1 1:1||t="problem"\n'
    ast = f'c="fever" 1:1 1:1||t="problem"||a="absent"\n{line}\n'
    folder = folder_of(tmp_path, {"r.txt": "No fever", "r.con": con, "r.ast": ast})
    [record], counts = read(folder)
    assert record.spans == [Span(3, 8, "problem", attributes={"assertion": "absent"})]
    [(where, message)] = counts.skipped
    assert where == f"{folder / 'r.ast'}:2"
    assert reason in message
    assert "secret" not in message


def test_a_concept_over_two_lines(tmp_path):
    files = {"r.txt": "chest\npain now\n", "r.con": 'c="chest pain" 1:0 2:0||t="problem"\n'}
    folder = folder_of(tmp_path, files)
    assert covered(read(folder)[0][0]) == [("chest pain", "problem")]
    records, counts = read(folder, group=1)
    assert [record.spans for record in records] == [[], []]
    assert counts.skipped == [
        (f"{folder}/r.txt:1", "a concept goes beyond the sentences of one text")
    ]


def test_of_several_texts_of_one_name_the_nearest_counts(tmp_path):
    con = 'c="{}" 1:0 1:0||t="problem"\n'
    files = {
        "a/txt/1.txt": "fever",
        "a/concept/1.con": con.format("fever"),
        "b/txt/1.txt": "pain",
        "b/concept/1.con": con.format("pain"),
        "c/1.con": con.format("pain"),
        "b/1.con": con.format("pain"),
        "test_data/7.txt": "cough",
        "reference/concepts/7.con": con.format("cough"),
    }
    folder = folder_of(tmp_path, files)
    records, counts = read(folder)
    assert [record.id for record in records] == ["a/txt/1", "b/txt/1", "test_data/7"]
    found = [text for record in records for text, _ in covered(record)]
    assert found == ["fever", "pain", "cough"]
    assert [(w.partition("/in/")[2], r) for w, r in counts.skipped] == [
        ("b/concept/1.con", "a second .con file for the same text"),
        ("c/1.con", "2 .txt files of this name are equally near"),
    ]
    # A text finds what lies beside it.
    one = folder_of(tmp_path / "one", {"r.txt": "fever", "r.con": con.format("fever")})
    for source, pattern in ((one / "r.txt", "*"), (one, "*.txt")):
        assert covered(read(source, pattern)[0][0]) == [("fever", "problem")]


def test_a_docbin_keeps_tokens_sentences_and_assertions(tmp_path):
    folder = folder_of(tmp_path, {"r.txt": TXT, "r.con": CON, "r.ast": AST})
    counts = convert("i2b2", folder, tmp_path / "a.spacy", options={"assertions": "cats"})
    assert counts.entities == {"problem": 2, "treatment": 1}
    assert counts.categories == {
        "assertion/absent": 1,
        "assertion/associated_with_someone_else": 1,
    }
    assert (counts.snapped, counts.dropped, counts.overlapping) == (0, 0, 0)
    [doc] = read_docbin(tmp_path / "a.spacy", Vocab())
    [record], _ = read(folder, assertions="cats")
    again = to_record(doc)
    for name in ("text", "tokens", "sentences", "spans", "cats", "meta", "id"):
        assert getattr(again, name) == getattr(record, name), name
