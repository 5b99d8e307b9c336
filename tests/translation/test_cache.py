import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.cache import Cache, translate_cached
from spacy_clintl.translation.protocol import Link, Segment, Translation, Translator

PAIR = ("es", "en")
MADE = Translation(
    "pulmonary secret",
    (Link((0, 7), (10, 16)), Link((8, 16), (0, 9))),
    ((0, 7),),
    0.5,
    "backend",
    "1",
)
TEXT = "secreto pulmonar"


class Counting(Translator):
    name = "Counting"

    def __init__(self, fails=()):
        self.seen = []
        self.fails = set(fails)

    def _translate(self, texts, source, target):
        self.seen.extend(texts)
        return [
            Translation("", error="no") if text in self.fails else Translation(text.upper())
            for text in texts
        ]


@pytest.mark.parametrize("hashes_only", [False, True])
def test_what_is_put_comes_back_after_reopening(tmp_path, hashes_only):
    path = tmp_path / "deep" / "cache.sqlite"
    with Cache(path, hashes_only=hashes_only) as cache:
        cache.put({TEXT: MADE, "x": Translation("", error="no")}, PAIR, "1")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Cache(path, hashes_only=hashes_only) as cache:
        assert cache.get([TEXT, "x", TEXT], PAIR, "1") == {TEXT: MADE}
        assert cache.get([TEXT], PAIR, "2") == {}
        assert cache.get([TEXT], ("es", "fr"), "1") == {}
    data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert (b"secret" in data) is not hashes_only


def test_hashes_only_is_kept_and_cannot_be_had_afterwards(tmp_path):
    with Cache(tmp_path / "hashed", hashes_only=True) as cache:
        cache.put({TEXT: MADE}, PAIR, "1")
    with Cache(tmp_path / "hashed") as cache:
        assert cache.hashes_only
        cache.put({"otro secreto": MADE}, PAIR, "1")
        assert cache.get([TEXT, "otro secreto"], PAIR, "1") == {TEXT: MADE, "otro secreto": MADE}
    assert b"secret" not in (tmp_path / "hashed").read_bytes()
    Cache(tmp_path / "plain").close()
    with pytest.raises(ClintlError, match=r"CL607.*plain"):
        Cache(tmp_path / "plain", hashes_only=True)


def test_rights_of_others_are_taken_away(tmp_path):
    path = tmp_path / "cache"
    Cache(path).close()
    path.chmod(0o644)
    Cache(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_locked_cache_says_so(tmp_path):
    path = tmp_path / "cache"
    cache = Cache(path, wait=0.1)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ClintlError, match="CL606"):
        cache.put({TEXT: MADE}, PAIR, "1")
    with pytest.raises(ClintlError, match="CL606"):
        Cache(path, wait=0.1)
    other.rollback()
    cache.put({TEXT: MADE}, PAIR, "1")
    assert cache.get([TEXT], PAIR, "1")


@pytest.mark.parametrize("kind", ["folder", "text"])
def test_what_is_no_cache_stays_as_it_is(tmp_path, kind):
    path = tmp_path / "notes"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_text("a note")
    path.chmod(0o755)
    with pytest.raises(ClintlError, match=r"CL625.*notes is no cache"):
        Cache(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    path = tmp_path / "theirs.db"
    theirs = sqlite3.connect(path)
    with theirs:
        theirs.execute("CREATE TABLE about (title TEXT)")
    theirs.close()
    path.chmod(0o644)
    before = path.read_bytes()
    with pytest.raises(ClintlError, match=r"CL625.*theirs.db is no cache"):
        Cache(path)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path = tmp_path / "empty"
    path.touch(0o644)
    Cache(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_memory_keeps_translations_for_one_run():
    segments = [Segment("a"), Segment("b")] * 300
    translator = Counting()
    with Cache() as cache:
        for _ in range(2):
            assert len(list(translate_cached(translator, segments, *PAIR, cache))) == 600
    assert sorted(translator.seen) == ["a", "b"]


@pytest.mark.parametrize("damage", ["middle", "format", "result", "shape"])
def test_a_damaged_cache_says_so(tmp_path, damage):
    path = tmp_path / "cache"
    with Cache(path) as cache:
        cache.put({f"{TEXT} {n}": MADE for n in range(500)}, PAIR, "1")
    if damage == "middle":
        data = bytearray(path.read_bytes())
        data[4096:] = b"\xff" * (len(data) - 4096)
        path.write_bytes(data)
    else:
        with sqlite3.connect(path) as database:
            if damage == "format":
                database.execute("UPDATE about SET value = '9' WHERE name = 'format'")
            elif damage == "shape":
                made = b'{"text": "x", "links": [1], "untranslated": [[1]]}'
                database.execute("UPDATE translations SET result = ?", (made,))
            else:
                database.execute("UPDATE translations SET result = x'00'")
    with pytest.raises(ClintlError, match="CL605") as caught, Cache(path) as cache:
        cache.get([f"{TEXT} {n}" for n in range(500)], PAIR, "1")
    assert str(path) in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["😀 \u202e \u05e9", "a\0b", "lone \ud800 surrogate", "", " "])
@pytest.mark.parametrize("hashes_only", [False, True])
def test_any_text_is_kept(tmp_path, text, hashes_only):
    with Cache(tmp_path / "cache", hashes_only=hashes_only) as cache:
        cache.put({text: Translation(text)}, PAIR, "1")
        assert cache.get([text], PAIR, "1")[text].text == text


def test_each_text_is_translated_once_and_failures_again(tmp_path):
    segments = [Segment(text) for text in ["a", "b", "a", "c"] * 200]
    translator = Counting(fails=["c"])
    with Cache(tmp_path / "cache") as cache:
        done = list(translate_cached(translator, segments, *PAIR, cache))
        assert [one.text for one, _ in done[:4]] == ["A", "B", "A", ""]
        assert [known for _, known in done[:3]] == [False, False, True]
        assert translator.seen.count("a") == 1
        translator.fails.clear()
        translator.seen.clear()
        done = list(translate_cached(translator, segments, *PAIR, cache))
    assert set(translator.seen) == {"c"}
    assert {one.text for one, _ in done} == {"A", "B", "C"}
    # Without a cache, too.
    assert len(list(translate_cached(Counting(), segments, *PAIR))) == 800


def test_an_interrupted_run_keeps_what_was_done(tmp_path):
    class Interrupted(Counting):
        def _translate(self, texts, source, target):
            if len(self.seen) >= 512:
                raise KeyboardInterrupt
            return super()._translate(texts, source, target)

    segments = [Segment(str(n)) for n in range(1000)]
    with Cache(tmp_path / "cache") as cache, pytest.raises(KeyboardInterrupt):
        list(translate_cached(Interrupted(), segments, *PAIR, cache))
    translator = Counting()
    with Cache(tmp_path / "cache") as cache:
        done = list(translate_cached(translator, segments, *PAIR, cache))
    assert len(done) == 1000
    assert len(translator.seen) == 488


def test_what_was_done_of_a_chunk_is_kept(tmp_path):
    class Interrupted(Counting):
        batch_size = 4

        def _translate(self, texts, source, target):
            if len(self.seen) >= 8:
                raise KeyboardInterrupt
            return super()._translate(texts, source, target)

    segments = [Segment(str(n)) for n in range(20)]
    with Cache(tmp_path / "cache") as cache:
        with pytest.raises(KeyboardInterrupt):
            list(translate_cached(Interrupted(), segments, *PAIR, cache))
        assert len(cache.get(map(str, range(20)), PAIR, Counting().fingerprint(*PAIR))) == 8


def test_threads_share_a_cache(tmp_path):
    def work(thread):
        done = {f"{thread} {n}": Translation(str(n)) for n in range(50)}
        for text, translation in done.items():
            cache.put({text: translation}, PAIR, "1")
        return cache.get(done, PAIR, "1") == done

    with Cache(tmp_path / "cache") as cache, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_a_cache_that_was_being_written_when_its_process_was_killed(tmp_path):
    """The journal that is left behind is rolled back."""
    path = tmp_path / "cache"
    with Cache(path) as cache:
        cache.put({str(n): Translation("x" * 1000) for n in range(300)}, PAIR, "1")
    code = (
        "import os, sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1])\n"
        # Pages must leave the memory before the end of the transaction.
        "database.execute('PRAGMA cache_size = 2')\n"
        "database.execute(\"UPDATE translations SET fingerprint = '2', pair = 'xx'\")\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.with_name("cache-journal").exists()
    with Cache(path) as cache:
        assert len(cache.get(map(str, range(300)), PAIR, "1")) == 300
