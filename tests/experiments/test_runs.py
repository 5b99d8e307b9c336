from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.experiments.runs import append_run, read_runs
from spacy_clintl.locks import claimed, locked

fcntl = pytest.importorskip("fcntl")


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
    # Variants of the same content share an id.
    for variant in "xyx":
        append_run(path, {"id": "b", "variant": variant})
    assert [run.get("variant") for run in read_runs(path)] == [None, None, "y", "x"]


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


def test_append_after_another_process_was_killed_while_writing(tmp_path):
    path = tmp_path / "runs.jsonl"
    append_run(path, {"id": "a"})
    for left, kept in (('{"id": "b", "x"', []), ('{"id": "c"}', [{"id": "c"}])):
        with path.open("a") as file:
            file.write(left)
        before = len(read_runs(path))
        append_run(path, {"id": f"after {left}"})
        assert read_runs(path)[1:][-1 - len(kept) :] == [*kept, {"id": f"after {left}"}]
        assert len(read_runs(path)) == before + 1
    assert len(path.read_text().splitlines()) == 4


def test_several_writers_and_readers(tmp_path):
    path = tmp_path / "runs.jsonl"
    long = "x" * 100_000

    def write(name):
        for i in range(15):
            append_run(path, {"id": f"{name}-{i}", "long": long})
            # Another runner's start must not cut off the line that is being written.
            read_runs(path, repair=True)

    # Locks of a file opened twice exclude threads as they exclude processes.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, "abcd"))
    runs = read_runs(path)
    assert len(runs) == 60
    assert all(run["long"] == long for run in runs)
    for name in "abcd":
        own = [run["id"] for run in runs if run["id"].startswith(name)]
        assert own == [f"{name}-{i}" for i in range(15)]


def test_repair_waits_for_the_writer(tmp_path):
    path = tmp_path / "runs.jsonl"
    with path.open("ab") as file, locked(file):
        file.write(b'{"id": ')
        file.flush()
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(read_runs, path, repair=True)
            assert not wait([found], timeout=0.3).done
            assert read_runs(path) == []
            file.write(b'"a"}\n')
            file.flush()
            fcntl.flock(file, fcntl.LOCK_UN)
            assert found.result(timeout=10) == [{"id": "a"}]


def test_claims(tmp_path):
    lock = tmp_path / "work" / "a.lock"
    with claimed(lock) as first, claimed(lock) as second:
        assert (first, second) == (True, False)
        assert lock.exists()
    assert not lock.parent.exists()
    with claimed(lock) as again:
        assert again


def test_claim_of_a_lock_file_that_is_gone(tmp_path):
    lock = tmp_path / "work" / "a.lock"
    with claimed(lock) as first:
        assert first
        lock.unlink()
        with claimed(lock) as other, claimed(lock) as third:
            assert (other, third) == (True, False)


def test_folder_is_no_file_of_runs(tmp_path):
    with pytest.raises(ClintlError, match="CL519"):
        read_runs(tmp_path)
