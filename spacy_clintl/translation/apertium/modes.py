"""Which language pairs of Apertium are installed, and the programs of each."""

import hashlib
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ...errors import ClintlError, Errors

INSTALL = (
    "apt-get install -y --no-install-recommends apertium apertium-eng-spa apertium-eng-cat "
    "apertium-fra-cat apertium-spa-cat"
)
# Apertium names languages by ISO 639-3; texts are named by ISO 639-1 where that has a code.
CODES = {
    "afr": "af",
    "arg": "an",
    "ast": "ast",
    "bel": "be",
    "bul": "bg",
    "cat": "ca",
    "cym": "cy",
    "dan": "da",
    "eng": "en",
    "epo": "eo",
    "eus": "eu",
    "fra": "fr",
    "glg": "gl",
    "hbs": "sh",
    "ind": "id",
    "isl": "is",
    "ita": "it",
    "kaz": "kk",
    "mkd": "mk",
    "mlt": "mt",
    "msa": "ms",
    "nld": "nl",
    "nno": "nn",
    "nob": "nb",
    "oci": "oc",
    "pol": "pl",
    "por": "pt",
    "ron": "ro",
    "rus": "ru",
    "slv": "sl",
    "spa": "es",
    "srd": "sc",
    "swe": "sv",
    "tat": "tt",
    "tur": "tr",
    "ukr": "uk",
}
# What marks the place between the analysis, before which words have no number, and the rest.
_ATTACH = "apertium-wblank-attach"
_MODE_PROGRAM = "apertium-wblank-mode"


@dataclass(frozen=True)
class Stages:
    """The programs of one language pair, as argument lists.

    analysis (list[list[str]]): Text to words with their analyses.
    rest (list[list[str]]): Those to translated text.
    """

    analysis: list[list[str]]
    rest: list[list[str]]


@dataclass
class Modes:
    """The installed language pairs.

    folder (Path | None): Where the .mode files lie; None: beside the installed program.
    """

    folder: Path | None = None
    _versions: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    @cached_property
    def files(self) -> dict[tuple[str, str], Path]:
        """The .mode file of each pair; empty where Apertium is not installed."""
        folder = self.folder
        if folder is None:
            program = shutil.which(_MODE_PROGRAM)
            if program is None:
                return {}
            folder = Path(program).parent.parent / "share" / "apertium" / "modes"
        found = {}
        for path in sorted(folder.glob("*-*.mode")):
            source, _, target = path.stem.partition("-")
            # A name with more to it, such as eng-cat_valencia, is a variety.
            if source in CODES and target in CODES:
                found[CODES[source], CODES[target]] = path
        return found

    def stages(self, source: str, target: str) -> Stages:
        """Ask for the programs of a pair.

        source (str): The language of the text.
        target (str): The language wanted.
        RETURNS (Stages): The programs, for use without a shell.
        RAISES (ClintlError): The mode file cannot be used.
        """
        path = self.files[source, target]
        program = shutil.which(_MODE_PROGRAM) or _MODE_PROGRAM
        try:
            done = subprocess.run(
                [program, "-z", str(path)], capture_output=True, text=True, timeout=20, check=True
            )
        except (OSError, subprocess.SubprocessError, UnicodeError) as error:
            raise _unusable(path, type(error).__name__) from error
        stages = list(_split(shlex.split(done.stdout)))
        names = [Path(stage[0]).name for stage in stages]
        if _ATTACH not in names:
            raise _unusable(path, f"it has no stage {_ATTACH}")
        for stage in stages:
            if shutil.which(stage[0]) is None:
                raise _unusable(path, f"its program {stage[0]} is not installed")
        # The stage itself would add the numbers of all words before a word.
        at = names.index(_ATTACH)
        return Stages(stages[:at], stages[at + 1 :])

    def version(self, source: str, target: str) -> str:
        """Name what is installed for a pair by the content of its files.

        RETURNS (str): Twelve hexadecimal digits.
        """
        pair = (source, target)
        if pair not in self._versions:
            digest = hashlib.sha256()
            mode = self.files[pair].read_text(encoding="utf-8", errors="replace")
            digest.update(mode.encode())
            for word in shlex.split(mode):
                if word.startswith("/") and (path := Path(word)).is_file():
                    digest.update(path.read_bytes())
            self._versions[pair] = digest.hexdigest()[:12]
        return self._versions[pair]


def _split(words: Iterable[str]) -> Iterable[list[str]]:
    stage: list[str] = []
    for word in words:
        if word == "|":
            yield stage
            stage = []
        elif word == "$1":
            # Mark words that could not be translated; $2 is for other uses and empty.
            stage.append("-g")
        elif word != "$2":
            stage.append(word)
    yield stage


def _unusable(path: Path, reason: str) -> ClintlError:
    return ClintlError(Errors.CL601.format(path=path, reason=reason, install=INSTALL))
