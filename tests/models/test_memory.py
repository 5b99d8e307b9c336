import sys
from pathlib import Path

import numpy
import pytest

from spacy_clintl.models import encoder_shim
from spacy_clintl.models.memory import _malloc_trim, release_free_memory
from tests.encoders import make_wordpiece_bert
from tests.models.test_adapted_transformer import build, docs_of


def resident():
    """Return this process's resident memory in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.skipif(sys.platform != "linux" or _malloc_trim() is None, reason="needs glibc")
def test_freed_memory_goes_back_to_the_system():
    before = resident()
    # Below the size from which on glibc maps memory apart; every tenth array stays.
    arrays = [numpy.ones(12_000) for _ in range(4_000)]
    kept = arrays[::10]
    del arrays
    held = resident() - before
    release_free_memory()
    assert held > 100e6
    assert resident() - before < held / 2
    assert len(kept) == 400


def test_it_is_asked_for_after_every_so_many_word_pieces(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(encoder_shim, "RELEASE_AFTER", 40)
    monkeypatch.setattr(encoder_shim, "release_free_memory", lambda: asked.append(1))
    model = build(make_wordpiece_bert(tmp_path))
    model.predict(docs_of(["fever"]))
    assert not asked
    for _ in range(8):
        model.predict(docs_of(["no fever or cough was seen by the doctor today"]))
    assert 1 <= len(asked) < 8
