"""Translations kept in a file, so that nothing is translated or paid for twice.

Kept by text, language pair and the translator's fingerprint. The file is for its owner only. In
plain form it holds the texts and their translations. With hashes only it holds neither readably:
the key is a salted SHA-256, and the translation is enciphered with a key made from the source text,
so that only who has the text can read its translation. A short text can still be guessed and the
guess confirmed, so that such a file needs care, too.
"""

import hashlib
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ClintlError, Errors
from .protocol import Link, Segment, Translation, Translator

FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS translations (
    key BLOB PRIMARY KEY, pair TEXT NOT NULL, fingerprint TEXT NOT NULL, source TEXT,
    nonce BLOB, result BLOB NOT NULL
) WITHOUT ROWID;
"""
# What a database begins with.
_SQLITE = b"SQLite format 3\0"
# What reading data of another shape raises.
_MISSHAPEN = (ValueError, KeyError, TypeError, IndexError, AttributeError)
# How many texts are looked up, translated and stored at a time.
CHUNK = 256
MEMORY = ":memory:"


class Cache:
    """A file of translations. Threads of one process may share it.

    path (Path | None): The file; made, for its owner only, if it is not there. None keeps
        translations in memory, for one run.
    hashes_only (bool): Keep no readable text. A file that was begun so stays so.
    wait (float): Seconds to wait for another process that writes to it.
    RAISES (ClintlError): It is no such file, is damaged, in use, cannot be opened, or holds
        readable text and shall have hashes only.
    """

    def __init__(
        self, path: str | Path | None = None, *, hashes_only: bool = False, wait: float = 30.0
    ):
        self.path = Path(path or MEMORY)
        self._lock = threading.RLock()
        with self._errors():
            if path:
                _make_private(self.path, wait)
            self._database = sqlite3.connect(self.path, timeout=wait, check_same_thread=False)
            try:
                self._open(hashes_only)
            except BaseException:
                self._database.close()
                raise

    def _open(self, hashes_only: bool) -> None:
        with self._database:
            # Taken here so that another process that begins the same file waits.
            self._database.execute("BEGIN IMMEDIATE")
            for statement in filter(str.strip, _TABLES.split(";")):
                self._database.execute(statement)
            about = dict(self._database.execute("SELECT name, value FROM about"))
            if not about:
                about = {
                    "format": str(FORMAT),
                    "salt": secrets.token_hex(16),
                    "hashes_only": str(int(hashes_only)),
                }
                self._database.executemany("INSERT INTO about VALUES (?, ?)", about.items())
        if about.get("format") != str(FORMAT):
            reason = f"its format is {about.get('format')}, not {FORMAT}"
            raise ClintlError(Errors.CL605.format(path=self.path, reason=reason))
        self._salt = bytes.fromhex(about["salt"])
        self.hashes_only = about["hashes_only"] == "1"
        if hashes_only and not self.hashes_only:
            raise ClintlError(Errors.CL607.format(path=self.path))

    def get(
        self, texts: Iterable[str], pair: tuple[str, str], fingerprint: str
    ) -> dict[str, Translation]:
        """Look translations up.

        texts (Iterable[str]): Source texts.
        pair (tuple[str, str]): Their language and the language wanted.
        fingerprint (str): The translator's.
        RETURNS (dict[str, Translation]): Those that are there, by source text.
        RAISES (ClintlError): The file is damaged or in use.
        """
        found = {}
        with self._errors():
            for text in dict.fromkeys(texts):
                key = self._key(text, pair, fingerprint)
                row = self._database.execute(
                    "SELECT nonce, result FROM translations WHERE key = ?", (key,)
                ).fetchone()
                if row is not None:
                    nonce, result = row
                    found[text] = _unpacked(self._ciphered(result, nonce, text))
        return found

    def put(self, done: Mapping[str, Translation], pair: tuple[str, str], fingerprint: str) -> None:
        """Keep translations, all or none; those with an error are left out.

        done (Mapping[str, Translation]): Translations by source text.
        pair (tuple[str, str]): The languages.
        fingerprint (str): The translator's.
        RAISES (ClintlError): The file is damaged, full, or in use for too long.
        """
        rows = []
        for text, translation in done.items():
            if not translation.error:
                nonce = secrets.token_bytes(16) if self.hashes_only else None
                rows.append(
                    (
                        self._key(text, pair, fingerprint),
                        "-".join(pair),
                        fingerprint,
                        None if self.hashes_only else _storable(text),
                        nonce,
                        self._ciphered(_packed(translation), nonce, text),
                    )
                )
        with self._errors(), self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO translations VALUES (?, ?, ?, ?, ?, ?)", rows
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> "Cache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _key(self, text: str, pair: tuple[str, str], fingerprint: str) -> bytes:
        digest = hashlib.sha256(self._salt)
        for part in (*pair, fingerprint, text):
            data = part.encode("utf-8", errors="surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.digest()

    def _ciphered(self, data: bytes, nonce: bytes | None, text: str) -> bytes:
        """Add the stream of SHAKE-256 over salt, nonce and text: the same way there and back."""
        if nonce is None:
            return data
        secret = b"stream" + self._salt + nonce + text.encode("utf-8", errors="surrogatepass")
        stream = hashlib.shake_256(secret).digest(len(data))
        return bytes(one ^ other for one, other in zip(data, stream))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise ClintlError(Errors.CL606.format(path=self.path)) from error
            raise ClintlError(Errors.CL605.format(path=self.path, reason=error)) from error
        except (sqlite3.Error, OSError, *_MISSHAPEN) as error:
            if isinstance(error, ClintlError):
                raise
            reason = error.strerror if isinstance(error, OSError) else "it is damaged"
            raise ClintlError(Errors.CL605.format(path=self.path, reason=reason)) from error


def translate_cached(
    translator: Translator,
    segments: Sequence[Segment],
    source: str,
    target: str,
    cache: Cache | None = None,
) -> Iterator[tuple[Translation, bool]]:
    """Translate segments, each text once, and those that the cache has not at all.

    translator (Translator): Translates the others.
    segments (Sequence[Segment]): The texts.
    source (str): Their language.
    target (str): The language wanted.
    cache (Cache | None): Gets what was translated, a chunk at a time, or what of it came before
        the work was interrupted.
    YIELDS (tuple[Translation, bool]): One a segment, in order, and whether it was there already.
    RAISES (ClintlError): As `Translator.translate` and `Cache`.
    """
    translator.check(source, target)
    fingerprint = translator.fingerprint(source, target)
    pair = (source, target)
    for start in range(0, len(segments), CHUNK):
        chunk = segments[start : start + CHUNK]
        known = cache.get((one.text for one in chunk), pair, fingerprint) if cache else {}
        missing = {one.text: one for one in chunk if one.text not in known}
        made: dict[str, Translation] = {}
        try:
            translations = translator.translate(list(missing.values()), source, target)
            for text, translation in zip(missing, translations, strict=True):
                made[text] = translation
        finally:
            # What came before an interruption may have been paid for.
            if cache and made:
                cache.put(made, pair, fingerprint)
        first = set(made)
        for one in chunk:
            yield known.get(one.text) or made[one.text], one.text not in first
            first.discard(one.text)


def _make_private(path: Path, wait: float) -> None:
    """Make the file for its owner only, or take the rights of others away.

    RAISES (ClintlError): Something else is there, which stays as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise ClintlError(Errors.CL625.format(path=path, what="a folder")) from None
        with path.open("rb") as file:
            start = file.read(len(_SQLITE))
        if start and (start != _SQLITE or not _is_ours(path, wait)):
            raise ClintlError(Errors.CL625.format(path=path, what="another kind of file")) from None
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _is_ours(path: Path, wait: float) -> bool:
    """Say whether a database is a cache, or has no table yet; what it holds is not changed."""
    # Not mode=ro: a process that was killed while it wrote leaves a journal to be rolled back.
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait)
    try:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
    finally:
        database.close()
    return not tables or {"about", "translations"} <= set(tables)


def _storable(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _packed(translation: Translation) -> bytes:
    data: dict[str, Any] = {
        "text": translation.text,
        "links": translation.links,
        "untranslated": translation.untranslated,
        "score": translation.score,
        "backend": translation.backend,
        "version": translation.version,
    }
    return json.dumps(data, ensure_ascii=False).encode("utf-8", errors="surrogatepass")


def _unpacked(data: bytes) -> Translation:
    read = json.loads(data.decode("utf-8", errors="surrogatepass"))
    links = read["links"]
    if links is not None:
        links = tuple(Link(tuple(one), tuple(other)) for one, other in links)
    read["links"] = links
    read["untranslated"] = tuple((start, end) for start, end in read["untranslated"])
    return Translation(**read)
