import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.experiments.runs import append_run, read_runs


def test_broken_last_line_is_cut_off(tmp_path):
    path = tmp_path / "deep" / "runs.jsonl"
    assert read_runs(path, repair=True) == []
    append_run(path, {"id": "a", "x": 1})
    with path.open("a") as file:
        file.write('{"id": "b", "x"')
    before = path.read_bytes()
    assert [run["id"] for run in read_runs(path)] == ["a"]
    assert path.read_bytes() == before
    assert [run["id"] for run in read_runs(path, repair=True)] == ["a"]
    append_run(path, {"id": "b"})
    append_run(path, {"id": "a", "x": 2})
    assert read_runs(path) == [{"id": "b"}, {"id": "a", "x": 2}]


def test_whole_line_without_its_end_is_kept(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text('{"id": "a"}')
    read_runs(path, repair=True)
    append_run(path, {"id": "b"})
    assert [run["id"] for run in read_runs(path)] == ["a", "b"]


@pytest.mark.parametrize("line", ["no json", '{"other": 1}', "[]"])
def test_broken_line_in_between(tmp_path, line):
    path = tmp_path / "runs.jsonl"
    path.write_text(f'{{"id": "a"}}\n{line}\n{{"id": "b"}}\n')
    with pytest.raises(ClintlError, match="line 2"):
        read_runs(path)
