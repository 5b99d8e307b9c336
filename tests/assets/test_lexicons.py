"""The dictionaries of the embedded notes: reproducible, and the notes are covered by them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spacy_clintl.translation.lexicon import make_lexicon_v1, read_phrases
from spacy_clintl.translation.protocol import Segment

ASSETS = Path(__file__).resolve().parents[2] / "assets"
PAIRS = ("es-en", "fr-en", "en-es", "en-fr")


def test_making_them_again_gives_the_committed_files(tmp_path):
    script = [sys.executable, str(ASSETS / "generate.py"), "--out", str(tmp_path / "corpus")]
    subprocess.run(script, check=True, capture_output=True)
    assert sorted(path.stem for path in (ASSETS / "lexicon").iterdir()) == sorted(PAIRS)
    for path in (ASSETS / "lexicon").iterdir():
        assert path.read_bytes() == (tmp_path / "lexicon" / path.name).read_bytes()


@pytest.mark.parametrize("pair", PAIRS)
def test_no_phrase_stands_twice(pair):
    phrases = [phrase for phrase, _ in read_phrases(ASSETS / "lexicon" / f"{pair}.tsv")]
    assert len(phrases) == len(set(phrases)) > 300


@pytest.mark.parametrize("pair", PAIRS)
def test_all_but_slips_of_the_notes_is_translated(pair):
    source, target = pair.split("-")
    translator = make_lexicon_v1({pair: ASSETS / "lexicon" / f"{pair}.tsv"})
    lines = (ASSETS / "corpus" / f"{source}.test.jsonl").read_text(encoding="utf-8").splitlines()
    segments = [Segment(json.loads(line)["text"]) for line in lines]
    made = list(translator.translate(segments, source, target))
    words = sum(len(one.links) for one in made)
    unknown = sum(len(one.untranslated) for one in made)
    assert unknown / words < 0.02
