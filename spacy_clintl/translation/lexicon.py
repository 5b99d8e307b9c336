"""Dictionary translation: longest match first, exact links, no dependency."""

import gzip
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import ClintlError, Errors
from .protocol import Capabilities, CharSpan, Link, Translation, Translator

# A number with its points, a word with its combining marks, soft hyphens and elision, or one other
# sign.
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_](?:[^\W\d_]|[\u0300-\u036f\u00ad])*['\u2019]?|\S")
# Characters that no phrase is written with: of control, ends of lines, halves of a character.
_BAD = frozenset(("Cc", "Cs", "Zl", "Zp"))
# What stands for a number in a dictionary, and in folded text, where it is no sign of its own.
_SLOT = "#"
_NUMBER = "<number>"
KINDS = (".tsv", ".jsonl")

# Folded words of a source phrase, to the phrases that fold to them and their translations.
Entries = dict[tuple[str, ...], list[tuple[str, str]]]


class Lexicon:
    """The phrases of one language pair.

    phrases (Mapping[str, str]): Source phrase to target phrase.
    """

    def __init__(self, phrases: Mapping[str, str]):
        self.entries: Entries = {}
        for source, target in phrases.items():
            tokens = _TOKEN.findall(source)
            key = tuple(_NUMBER if token == _SLOT else _folded(token) for token in tokens)
            self.entries.setdefault(key, []).append((source, target))
        for found in self.entries.values():
            # Of phrases that are equally like a text the first is taken: small letters before
            # capitals, plain ones before those with accents, in whatever order they were given.
            found.sort(key=lambda pair: (pair[0].swapcase(), pair))
        self.longest = max(map(len, self.entries), default=0)
        self.version = hashlib.sha256(
            json.dumps(sorted(phrases.items())).encode("ascii")
        ).hexdigest()[:12]

    def longest_match(
        self, folded: Sequence[str], tokens: Sequence[str], at: int
    ) -> tuple[int, str, str] | None:
        """Find the longest phrase that begins at a token.

        folded (Sequence[str]): The tokens, folded.
        tokens (Sequence[str]): The tokens as they stand in the text.
        at (int): Where to begin.
        RETURNS (tuple[int, str, str] | None): How many tokens it has, the phrase and its
            translation. Numbers have to be those of the phrase, or stand where it has `#`. Of
            phrases that differ in numbers, case or accents only, the one written most like the
            text; of those equally like it, the one in small letters.
        """
        for length in range(min(self.longest, len(folded) - at), 0, -1):
            found = self.entries.get(tuple(folded[at : at + length]), ())
            words = tokens[at : at + length]
            fitting = [pair for pair in found if _fits(pair[0], words)]
            if fitting:
                return length, *max(fitting, key=lambda pair: _likeness(pair[0], words))
        return None


class LexiconTranslator(Translator):
    """Translates by dictionaries, see `make_lexicon_v1`."""

    name = "spacy_clintl.LexiconTranslator.v1"
    # 2: a number of a phrase stands for itself.
    revision = 2

    def __init__(self, lexicons: Mapping[tuple[str, str], Lexicon]):
        self.lexicons = dict(lexicons)

    def capabilities(self) -> Capabilities:
        """See `Translator.capabilities`."""
        return Capabilities(gives_links=True, keeps_markers=True, pairs=frozenset(self.lexicons))

    def version(self, source: str, target: str) -> str:
        """Name the dictionary's content."""
        return self.lexicons[source, target].version

    def hint(self) -> str:
        """Say where more pairs come from."""
        return " Name a dictionary for it under 'paths'."

    def _translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        lexicon = self.lexicons[source, target]
        return [translate_by_lexicon(text, lexicon) for text in texts]


def make_lexicon_v1(paths: Mapping[str, str | Path]) -> LexiconTranslator:
    """Create the translator by dictionaries: longest match first, word order as in the source.

    A dictionary has a phrase a line, source and target divided by a tab (.tsv), or as
    `{"source": …, "target": …}` (.jsonl), either also gzipped; lines that begin with `# ` and
    have no tab are remarks. `#` in a phrase stands for any number, which is copied; any other
    number stands for itself. An empty target leaves the phrase out. Line breaks and control
    characters in a phrase are refused. Case, accents and soft hyphens need not match, but a phrase
    that has those of the text comes first, then one in small letters; words in capitals are
    translated in capitals. Numbers and signs that are in no phrase are copied; words that are not
    in the dictionary are kept and listed as untranslated.

    paths (Mapping[str, str | Path]): The dictionary of each language pair, such as
        `{"es-en": "es-en.tsv"}`.
    RETURNS (LexiconTranslator): The translator.
    RAISES (ClintlError): A file is not there or cannot be used; a pair is not named so.
    """
    lexicons = {}
    for pair, path in paths.items():
        source, dash, target = pair.partition("-")
        if not (source and dash and target):
            raise ClintlError(
                Errors.CL602.format(
                    name=LexiconTranslator.name,
                    setting="paths",
                    value=pair,
                    expected="a table with keys such as es-en",
                )
            )
        lexicons[source, target] = Lexicon(dict(read_phrases(Path(path))))
    return LexiconTranslator(lexicons)


def read_phrases(path: Path) -> Iterator[tuple[str, str]]:
    """Read a dictionary.

    path (Path): A .tsv or .jsonl file, or one gzipped.
    YIELDS (tuple[str, str]): Source phrase and target phrase; the target may be empty.
    RAISES (ClintlError): The file is not there or of another kind, or a line cannot be used.
    """
    name = path.name.lower().removesuffix(".gz")
    kind = next((kind for kind in KINDS if name.endswith(kind)), None)
    if not path.is_file():
        raise ClintlError(Errors.CL100.format(path=path))
    if kind is None:
        raise ClintlError(Errors.CL603.format(path=path, kinds=", ".join(KINDS)))
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, 1):
                line = line.rstrip("\r\n")
                if not line.strip() or (line.startswith("# ") and "\t" not in line):
                    continue
                pair = _row(line) if kind == ".tsv" else _record(line)
                if pair is None or not _TOKEN.search(pair[0]) or not all(map(_clean, pair)):
                    where = f"{path}, line {number}"
                    raise ClintlError(Errors.CL604.format(where=where))
                yield unicodedata.normalize("NFC", pair[0]), pair[1].strip()
    except (OSError, EOFError, UnicodeError) as error:
        reason = type(error).__name__
        raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from error


def _clean(phrase: str) -> bool:
    """Say whether a phrase can stand in a text; white space around it does not count."""
    return not any(unicodedata.category(char) in _BAD for char in phrase.strip())


def _row(line: str) -> tuple[str, str] | None:
    columns = line.split("\t")
    return (columns[0], columns[1]) if len(columns) == 2 else None


def _record(line: str) -> tuple[str, str] | None:
    try:
        record = json.loads(line)
        pair = (record["source"], record["target"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return pair if isinstance(pair[0], str) and isinstance(pair[1], str) else None


def translate_by_lexicon(text: str, lexicon: Lexicon) -> Translation:
    """Translate a text, see `make_lexicon_v1`.

    text (str): The text.
    lexicon (Lexicon): The dictionary.
    RETURNS (Translation): The translation; `untranslated` are the words not found.
    """
    matches = list(_TOKEN.finditer(text))
    tokens = [match[0] for match in matches]
    folded = [_folded(token) for token in tokens]
    parts: list[str] = []
    links: list[Link] = []
    untranslated: list[CharSpan] = []
    length = last = at = 0
    copied = False
    while at < len(tokens):
        found = lexicon.longest_match(folded, tokens, at)
        count, phrase, target = found or (1, "", tokens[at])
        span = (matches[at].start(), matches[at + count - 1].end())
        if found:
            target = _filled(target, phrase, tokens[at : at + count])
            # A phrase that is always written so has its translation as it is to be written.
            if phrase[:1].islower():
                target = _cased(target, text[slice(*span)])
        elif tokens[at][0].isalpha():
            untranslated.append(span)
        gap = text[last : span[0]]
        if target:
            before = parts[-1][-1:] if parts else ""
            as_it_was = copied and found is None
            if not gap and at and not as_it_was and not _joins(text[last - 1], before, target[0]):
                gap = " "
            parts.append(gap + target)
            length += len(gap)
            links.append(Link(span, (length, length + len(target))))
            length += len(target)
        elif len(gap) > 1 or not gap.isspace():
            # The blank before what is left out goes with it.
            parts.append(gap)
            length += len(gap)
        last, at, copied = span[1], at + count, found is None
    return Translation("".join(parts), tuple(links), tuple(untranslated))


def _joins(source: str, before: str, after: str) -> bool:
    """Say whether two pieces may stand side by side: not where two words would become one."""
    return not (before.isalnum() and after.isalnum() and not source.isdigit())


def _folded(token: str) -> str:
    if token[0].isdigit():
        return _NUMBER
    plain = unicodedata.normalize("NFKD", token.replace("\u2019", "'")).casefold()
    return "".join(char for char in plain if char != "\u00ad" and not unicodedata.combining(char))


def _fits(phrase: str, words: Sequence[str]) -> bool:
    """Say whether words have the numbers of a phrase that folds alike: type 1 is not type 2."""
    return all(
        own in (_SLOT, word)
        for own, word in zip(_TOKEN.findall(phrase), words, strict=True)
        if word[0].isdigit()
    )


def _likeness(phrase: str, words: Sequence[str]) -> tuple[int, bool, bool]:
    tokens = _TOKEN.findall(phrase)
    one, other = " ".join(tokens), unicodedata.normalize("NFC", " ".join(words))
    return -tokens.count(_SLOT), one == other, one.casefold() == other.casefold()


def _filled(target: str, phrase: str, words: Sequence[str]) -> str:
    """Put the numbers that stand where a phrase has `#` into its translation, in order."""
    for own, word in zip(_TOKEN.findall(phrase), words, strict=True):
        if own == _SLOT:
            target = target.replace(_SLOT, word, 1)
    return target


def _cased(target: str, source: str) -> str:
    letters = [char for char in source if char.isalpha()]
    # Two letters in capitals are as likely an abbreviation as a shouted word.
    if len(letters) > 3 and all(char.isupper() for char in letters):
        return target.upper()
    if letters and letters[0].isupper() and target[:1].islower():
        return target[:1].upper() + target[1:]
    return target
