"""Small tables after the published description of MIMIC-III; every value is made up."""

import csv
import gzip
import io
import tracemalloc

import pytest

from spacy_clintl.data.convert import convert
from spacy_clintl.data.formats.icd9 import CHAPTERS, roll_up
from spacy_clintl.data.formats.mimic import read_mimic
from spacy_clintl.data.records import ConversionCounts
from spacy_clintl.errors import ClintlError

HEADER = [
    *("ROW_ID", "SUBJECT_ID", "HADM_ID", "CHARTDATE", "CHARTTIME", "STORETIME"),
    *("CATEGORY", "DESCRIPTION", "CGID", "ISERROR", "TEXT"),
]
SUMMARY = "Discharge summary"


def note(row, patient, stay, text, category=SUMMARY, description="Report", error=""):
    return [row, patient, stay, "2150-01-02", "", "", category, description, "", error, text]


def write(path, header, rows):
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerows([header, *rows])
    data = file.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_notes(folder, *rows, name="NOTEEVENTS.csv"):
    return write(folder / name, HEADER, rows)


def write_codes(folder, *codes, name="DIAGNOSES_ICD.csv"):
    header = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE"]
    return write(
        folder / name, header, [[n, 1, stay, 1, code] for n, (stay, code) in enumerate(codes)]
    )


def read(*paths, **options):
    counts = ConversionCounts()
    return list(read_mimic(sorted(paths), counts, **options)), counts


def held(record):
    return {key for key, value in record.cats.items() if value}


@pytest.mark.parametrize(
    ("code", "chapter", "category", "full"),
    [
        ("0030", "001-139", "003", "003.0"),
        ("1398", "001-139", "139", "139.8"),
        ("140", "140-239", "140", "140"),
        ("4019", "390-459", "401", "401.9"),
        ("401.9", "390-459", "401", "401.9"),
        (" 99859 ", "800-999", "998", "998.59"),
        ("V3001", "V01-V91", "V30", "V30.01"),
        ("v30.01", "V01-V91", "V30", "V30.01"),
        ("E8780", "E000-E999", "E878", "E878.0"),
        ("E0000", "E000-E999", "E000", "E000.0"),
        *((code, None, None, None) for code in ("", "40", "000", "V99", "E87", "I10", "401999")),
    ],
)
def test_roll_up(code, chapter, category, full):
    assert [roll_up(code, level) for level in ("chapter", "category", "code")] == [
        chapter,
        category,
        full,
    ]


def test_the_numbers_from_001_to_999_lie_in_one_chapter_each():
    chapters = [roll_up(f"{n:03}", "chapter") for n in range(1, 1000)]
    assert None not in chapters
    assert [*dict.fromkeys(chapters), "V01-V91", "E000-E999"] == list(CHAPTERS)


@pytest.fixture
def folder(tmp_path):
    write_notes(
        tmp_path,
        note(1, 11, 101, 'Admission Date: [**2150-1-1**]\n\nHe said "ouch",\ne\u0301 🤕 \u00a0.\n'),
        note(2, 11, 101, "Addendum.", description="Addendum"),
        note(3, 12, 102, "Second patient."),
        note(4, 12, "", "An outpatient."),
        note(5, 13, 103, "Secret error.", error=1),
        note(6, 13, 103, "Night shift.", category="Nursing "),
        note(7, 13, 104, " "),
        name="NOTEEVENTS.csv.gz",
    )
    write_codes(
        tmp_path,
        *((101, code) for code in ("4019", "4010", "V3001", "0389")),
        *((103, code) for code in ("4019", "E8780")),
        (102, ""),
        (103, "x"),
    )
    write(tmp_path / "PATIENTS.csv", ["SUBJECT_ID"], [[11]])
    return tmp_path


def test_notes_with_the_chapters_of_their_admission(folder):
    records, counts = read(*folder.iterdir())
    assert [r.id for r in records] == ["1", "2", "3", "4"]
    assert (
        records[0].text == 'Admission Date: [**2150-1-1**]\n\nHe said "ouch",\ne\u0301 🤕 \u00a0.\n'
    )
    assert held(records[0]) == held(records[1]) == {"icd9/001-139", "icd9/390-459", "icd9/V01-V91"}
    assert list(records[0].cats) == [f"icd9/{chapter}" for chapter in CHAPTERS]
    # No good code, and no admission: not annotated.
    assert records[2].cats is records[3].cats is None
    assert records[0].meta == {
        "document": "101",
        "patient": "11",
        "mimic": {"category": SUMMARY, "description": "Report", "date": "2150-01-02"},
    }
    assert "document" not in records[3].meta
    notes, codes = folder / "NOTEEVENTS.csv.gz", folder / "DIAGNOSES_ICD.csv"
    assert records[1].where == f"{notes}:7"
    assert counts.skipped == [
        (f"{codes}:8", "no ICD-9 code, or no admission"),
        (f"{codes}:9", "no ICD-9 code, or no admission"),
        (f"{notes}:10", "marked as an error (ISERROR is 1)"),
        (f"{notes}:12", "no text"),
    ]
    counts = convert("mimic", folder, folder / "a.spacy")
    assert (counts.documents, counts.documents_with_categories_annotated) == (4, 2)


def test_which_notes(folder):
    paths = list(folder.iterdir())
    assert [r.id for r in read(*paths, description=["report"])[0]] == ["1", "3", "4"]
    assert [r.id for r in read(*paths, category=["nursing"])[0]] == ["6"]
    assert [r.id for r in read(*paths, category=["all"])[0]] == ["1", "2", "3", "4", "6"]
    records, counts = read(*paths, coded_only=True)
    assert [r.id for r in records] == ["1", "2"]
    assert sum(reason.startswith("no diagnoses") for _, reason in counts.skipped) == 2
    with pytest.raises(ClintlError, match=r"CL134.*categories: Discharge summary, Nursing"):
        read(*paths, category=["ECG"])


def test_categories_and_codes(folder):
    paths = list(folder.iterdir())
    records, _ = read(*paths, level="category", task="t")
    assert list(records[0].cats) == ["t/038", "t/401", "t/E878", "t/V30"]
    assert held(records[0]) == {"t/038", "t/401", "t/V30"}
    # 401.9 is in two admissions, the others in one: then in order of the codes.
    records, _ = read(*paths, level="code", top=2)
    assert records[0].cats == {"icd9/038.9": 1.0, "icd9/401.9": 1.0}
    [*_, nursing] = read(*paths, level="code", top=2, category=["all"])[0]
    assert nursing.cats == {"icd9/038.9": 0.0, "icd9/401.9": 1.0}
    assert len(read(*paths, level="code", top=0)[0][0].cats) == 5
    assert list(read(*paths, level="chapter", top=1)[0][0].cats) == ["icd9/390-459"]
    assert read(*paths, labels=["140-239"])[0][0].cats == {"icd9/140-239": 0.0}
    many = write_codes(folder, *((1, f"{n:03}") for n in range(1, 61)), (101, "4019"))
    assert len(read(*paths, level="code", diagnoses=many)[0][0].cats) == 50
    assert len(read(*paths, level="code", top=0, diagnoses=many)[0][0].cats) == 61


def test_without_diagnoses(folder):
    records, _ = read(folder / "NOTEEVENTS.csv.gz")
    assert [r.cats for r in records] == [None] * 4
    records, _ = read(folder / "NOTEEVENTS.csv.gz", diagnoses=folder / "DIAGNOSES_ICD.csv")
    assert held(records[0])
    for paths in (
        [folder / "PATIENTS.csv", folder / "DIAGNOSES_ICD.csv"],
        [folder / "DIAGNOSES_ICD.csv"],
    ):
        with pytest.raises(ClintlError, match=r"CL189.*NOTEEVENTS"):
            read(*paths)


def test_exports_of_other_tools(tmp_path):
    path = tmp_path / "my_notes.csv"
    path.write_text("hadm_id,category,text\n7.0,discharge summary,x\n")
    codes = write_codes(tmp_path, (7, "4019"))
    [record], _ = read(path, diagnoses=codes)
    assert (held(record), record.meta["document"], record.id) == ({"icd9/390-459"}, "7", "2")


def test_a_table_that_lies_there_twice_is_read_once(folder):
    plain = folder / "NOTEEVENTS.csv"
    plain.write_bytes(gzip.decompress((folder / "NOTEEVENTS.csv.gz").read_bytes()))
    records, counts = read(*folder.iterdir())
    assert len(records) == 4
    assert counts.skipped[0][0] == f"{plain}.gz"


def test_broken_tables_and_options(folder):
    paths = list(folder.iterdir())
    for options, message in [
        ({"level": "block"}, r"CL133.*--level"),
        ({"top": -1}, r"CL133.*--top"),
        ({"task": "a/b"}, "CL146"),
        ({"diagnoses": folder / "a.json"}, r"CL133.*--diagnoses"),
        ({"diagnoses": folder / "none.csv"}, "CL100"),
    ]:
        with pytest.raises(ClintlError, match=message):
            read(*paths, **options)
    notes = write_notes(folder, note(1, 1, 1, "Secret."))
    text = notes.read_text()
    notes.write_text(text.replace("HADM_ID", "STAY"))
    with pytest.raises(ClintlError, match=r"CL145.*NOTEEVENTS.csv.*'HADM_ID'"):
        read(notes)
    notes.write_text(text + '"2","open\n')
    _, counts = read(notes)
    assert counts.skipped[0][0] == f"{notes}:3"
    for broken in (b"", b"\xff\xfe\x00"):
        notes.write_bytes(broken)
        with pytest.raises(ClintlError, match=r"CL(134|186).*NOTEEVENTS.csv") as caught:
            read(notes)
        assert "ecret" not in str(caught.value)
    packed = folder / "NOTEEVENTS.csv.gz"
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(ClintlError, match=r"CL136.*NOTEEVENTS.csv.gz"):
        read(packed)


def test_memory_does_not_grow_with_the_notes(tmp_path):
    peaks = []
    for n in (100, 1500):
        path = write_notes(
            tmp_path,
            *(note(i, i, i, "A line of a note, of some length.\n" * 100) for i in range(n)),
        )
        tracemalloc.start()
        assert sum(1 for _ in read_mimic([path], ConversionCounts())) == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000
