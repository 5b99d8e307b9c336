"""Every reader against mutated inputs; as many as --mutations says."""

import io

import pytest

from spacy_clintl.data.formats import formats
from tests.data.fuzz import survives


def parquet(**columns):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    file = io.BytesIO()
    write_table(pyarrow.table(columns), file)
    return file.getvalue()


GOOD = {
    "brat": {
        "a.txt": b"No severe chest\npain, no fever.\n",
        "a.ann": b"T1\tSIGN 10 15;16 20\tchest pain\nA1\tNegation T1\nM2\tSure T1 low\n"
        b"#1\tAnnotatorNotes T1\tsaid so\nN1\tReference T1 X:1\tpain\nT2\tDrug 0 2;25 30\t"
        b"No fever\nR1\tof Arg1:T1 Arg2:T2\nE1\tSIGN:T1 Of:T2\n*\tEquiv T1 T2\n",
        "b.txt": b"Fever.",
        "b.a1": b"T1\tSIGN 0 5\tFever\n",
        "c.txt": b"Fever.",
    },
    "i2b2": {
        "a.txt": b"No severe chest pain .\n\nGiven aspirin\n",
        "a.con": b'c="severe chest pain" 1:1 1:3||t="problem"\n'
        b'c="Aspirin" 3:1 3:1||t="treatment"\n',
        "a.ast": b'c="severe chest pain" 1:1 1:3||t="problem"||a="absent"\n',
    },
    "bioc": {
        "a.xml": b'<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE collection SYSTEM "BioC.dtd">'
        b"<collection><source>s</source><date/><key/><document><id>1</id><passage><infon "
        b'key="type">title</infon><offset>0</offset><text>No fever</text><annotation id="T1">'
        b'<infon key="type">SIGN</infon><location offset="0" length="2"/><location offset="3" '
        b'length="5"/><text>No fever</text></annotation></passage><relation id="R1"><node '
        b'refid="T1" role="x"/></relation></document></collection>',
        "b.json": b'{"source": "s", "documents": [{"id": "2", "infons": {}, "passages": [{"offset":'
        b' 0, "text": "Pain \xf0\x9f\xa4\x95.", "annotations": []}, {"offset": 8, "sentences": '
        b'[{"offset": 8, "text": "Cough.", "annotations": [{"id": "1", "infons": {"type": "SIGN", '
        b'"n": 1.5}, "text": "Cough", "locations": [{"offset": 8, "length": 5}]}]}]}]}]}',
        "c.jsonl": b'{"_id": "3", "passages": [{"offset": 0, "text": "x \\u2028 y"}]}\n',
    },
    "crf": {
        "a.tsv": b"Bed\tBED\n4\tBED\n,\tNA\n\nHe\tSEX\nis\tNA\n",
        "b.tsv": b"-DOCSTART- d O\n\nMr x NAME\n. x O\n",
    },
    "iob": {
        "a.iob": b"-DOCSTART-\tO\n\nNo\tO\nsevere\tB-SIGN\nfever\tI-SIGN\n\nTook\tO\n5\tB-DOSE\n"
    },
    "pubtator": {
        "a.txt": b"17|t|Renal and hepatic pain\n17|a|No \xf0\x9f\xa4\x95 fever.\n17\t0\t22\t"
        b"Renal and hepatic pain\tDisease\tD1|D2\trenal pain|hepatic pain\n17\t28\t33\tfever\t"
        b"Disease\tD3\n17\tCID\tD1\tD3\n\n18|t|Cough\n18\t0\t5\tCough\tDisease\n",
    },
    "prodigy": {
        "a.jsonl": b'{"text": "No fever", "tokens": [{"text": "No", "start": 0, "end": 2, "id": 0, '
        b'"ws": true}, {"text": "fever", "start": 3, "end": 8, "id": 1, "ws": false}], "spans": '
        b'[{"start": 3, "end": 8, "label": "X", "token_start": 1}], "answer": "accept"}\n'
        b'{"text": "a", "label": "x", "answer": "reject", "meta": {"source": "b"}}\n',
        "b.jsonl": b'{"text": "b", "options": [{"id": 1, "text": "y"}, {"id": "z"}], "accept": '
        b'[1], "answer": "accept", "_view_id": "choice"}\n{"text": "c", "answer": "ignore"}\n',
    },
    "records": {
        "a.jsonl": b'{"id": "1", "text": "No fever.", "cats": {"a/b": 1, "a/c": 0}, "spans": '
        b'[{"start": 3, "end": 8, "label": "SIGN", "fragments": [[3, 4], [6, 8]]}]}\n'
        b'{"text": "a b", "tokens": ["a", "b"], "spaces": [true, false], "sentences": [0]}\n'
    },
    "xmi": {
        "a.xmi": b'<?xml version="1.0" encoding="UTF-8"?><xmi:XMI '
        b'xmlns:xmi="http://www.omg.org/XMI" xmlns:cas="http:///uima/cas.ecore" '
        b'xmlns:c="http:///webanno/custom.ecore" xmlns:s="http:///de/tudarmstadt/ukp/dkpro/core/'
        b'api/segmentation/type.ecore"><s:Token xmi:id="2" sofa="1" begin="0" end="2"/>'
        b'<s:Sentence xmi:id="3" sofa="1" begin="0" end="9"/><c:CLINENTITY xmi:id="4" sofa="1" '
        b'begin="4" end="9" entityID="C1"/><c:META sofa="1" begin="0" end="0" k="v"/>'
        b'<cas:Sofa xmi:id="1" sofaID="x" sofaString="No &#10;fever \xf0\x9f\xa4\x95."/>'
        b'<cas:View sofa="1" members="2 3 4"/></xmi:XMI>'
    },
    "table": {"a.csv": b'id,text,label\n1,"No, fever",a\n2,"Said ""ouch""",b\n'},
    "tokens": {
        "a.jsonl": b'{"id": 1, "tokens": ["No", "it"], "ner_tags": ["O", "B-X"], "doc_id": 3}\n'
        b'{"tokens": ["x"], "ner_tags": null, "pos": [1]}\n',
        "b.jsonl": b'{"tokens": ["a", "b", "c"], "ner_tags": ["I-X", "E-X", "S-Y"]}\n',
    },
    "table-jsonl": {
        "a.jsonl": b'{"id": 1, "text": "No fever.", "label": ["a", "b"], "patient": "p"}\n'
        b'{"text": "Pain \\u00e9", "label": null}\n'
    },
    "table-parquet": {"a.parquet": parquet(text=["No fever.", "Pain"], label=["a", None])},
    "pairs": {
        "a.jsonl": b'{"sentence1": "No fever.", "sentence2": "He is hot.", "gold_label": "x", '
        b'"pairID": "1"}\n{"sentence1": "a", "sentence2": "b", "gold_label": "-"}\n',
        "b.tsv": b"premise\thypothesis\tlabel\nFever.\tHe is hot.\ty\n",
    },
    "pairs-nli4ct": {
        "CT json/NCT00000001.json": b'{"Clinical Trial ID": "NCT00000001", "Results": ["Outcome:", '
        b'"  12 weeks"], "Eligibility": []}',
        "train.json": b'{"a-1": {"Type": "Single", "Section_id": "Results", "Primary_id": '
        b'"NCT00000001", "Statement": "It took weeks.", "Label": "Entailment"},\n"a-2": {"Type": '
        b'"Comparison", "Section_id": "Results", "Primary_id": "NCT00000001", "Secondary_id": '
        b'"NCT00000001", "Statement": "Both.", "Label": "Contradiction"}}',
    },
    "mimic": {
        "DIAGNOSES_ICD.csv": b'"ROW_ID","SUBJECT_ID","HADM_ID","SEQ_NUM","ICD9_CODE"\n'
        b'1,7,70,1,"4019"\n2,7,70,2,"V3001"\n',
        "NOTEEVENTS.csv": b'"ROW_ID","SUBJECT_ID","HADM_ID","CHARTDATE","CATEGORY","ISERROR","TEXT"'
        b'\n1,7,70,2101-01-01,"Discharge summary",,"Line one,\nsaid ""two""."\n'
        b'2,7,71,2101-01-02,"Discharge summary",1,"Wrong."\n',
    },
}
# What stands behind the hyphen of a name tells several inputs of one format apart.
OPTIONS = {
    "table-jsonl": {"exclusive": False, "meta_columns": ["patient"]},
    "mimic": {"level": "code"},
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(GOOD))
def test_mutated_inputs(name, request):
    examples = request.config.getoption("--mutations")
    survives(name.partition("-")[0], GOOD[name], examples=examples, options=OPTIONS.get(name))


def test_every_format_is_tried():
    own = {
        name for name, reader in formats.get_all().items() if "spacy_clintl" in reader.__module__
    }
    assert own == {name.partition("-")[0] for name in GOOD}
