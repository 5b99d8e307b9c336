"""Benchmarks are run by people: what is wrong with a folder or file is told in a line."""

import os
import runpy
import sys
from pathlib import Path

import pytest

from tests.encoders import make_wordpiece_bert

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
EMPTY, ENCODER, TEXT = "EMPTY", "ENCODER", "TEXT"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (("adaptation", EMPTY, TEXT), EMPTY),
        (("adaptation", ENCODER, EMPTY), EMPTY),
        (("against_stock", EMPTY, TEXT, TEXT), EMPTY),
        (("against_stock", ENCODER, TEXT, TEXT), TEXT),
        (("conversion", TEXT), TEXT),
        (("frozen_embeddings", TEXT, "runs.jsonl"), TEXT),
        (("handover", EMPTY, EMPTY), EMPTY),
        (("heads", EMPTY, TEXT, "task"), EMPTY),
        (("heads", ENCODER, TEXT, "task"), TEXT),
        (("projection", EMPTY), EMPTY),
        (("projection_weights", EMPTY), EMPTY),
        (("translation", EMPTY), EMPTY),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_told_in_a_line(line, named, tmp_path, capsys, monkeypatch):
    paths = {EMPTY: tmp_path / "empty", ENCODER: tmp_path / "encoder", TEXT: tmp_path / "notes.txt"}
    paths[EMPTY].mkdir()
    paths[TEXT].write_text("No fever.\n")
    if ENCODER in line:
        make_wordpiece_bert(paths[ENCODER])
    script, *arguments = line
    monkeypatch.chdir(tmp_path)
    # As where it is run: one script reads another beside it.
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", [script, *(str(paths.get(one, one)) for one in arguments)])
    # What scripts and Typer set in their process is not for the tests after this one.
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(BENCHMARKS / f"{script}.py"), run_name="__main__")
    told = capsys.readouterr()
    assert end.value.code == 1
    assert "Traceback" not in told.out + told.err
    assert paths[named].name in told.out + told.err
