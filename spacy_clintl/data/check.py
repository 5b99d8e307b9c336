"""What is wrong with a corpus before anything is trained on it: leaks, labels, texts."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import ClintlError, Errors
from .docbin import iter_docbin
from .docs import ENTITIES, has_entities
from .duplicates import Pair, SentenceIndex, Text, TwinIndex
from .raw import read_texts
from .splits import group_of

# The groups that a split should not cut, by convention of the readers.
GROUPS = ("patient", "document")
ADAPTATION = "adaptation text"
SEVERITIES = ("error", "warning")
# How many examples a finding names.
NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One thing to know about a corpus.

    severity (str): 'error' for what spoils training or scores, 'warning' for what needs a look.
    what (str): The kind of finding.
    where (str): The part or parts it concerns.
    count (int): How many documents, groups or labels.
    examples (list[str]): Names of the first of them; never their text.
    """

    severity: str
    what: str
    where: str
    count: int
    examples: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as a dict that fits into JSON."""
        return dict(vars(self))


@dataclass
class _Part:
    """What one part holds; lists name documents."""

    documents: int = 0
    # Label sets by task, and how many documents or entities have a label.
    labels: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    groups: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    empty: list[str] = field(default_factory=list)
    long: list[str] = field(default_factory=list)
    garbled: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    padded: list[str] = field(default_factory=list)


def check_corpus(
    parts: Mapping[str, str | Path],
    *,
    adaptation: Iterable[str | Path] = (),
    txt_documents: str = "file",
    threshold: float = 0.8,
    min_words: int = 8,
    max_words: int = 5000,
) -> list[Finding]:
    """Look for what spoils an experiment.

    parts (Mapping[str, str | Path]): .spacy files by the names of their parts. The first is the
        one to train on.
    adaptation (Iterable[str | Path]): Raw text for masked-language modelling.
    txt_documents (str): What one document of it is in a .txt, see `read_texts`.
    threshold (float): The least similarity of near duplicates.
    min_words (int): Texts and sentences with fewer words are not compared.
    max_words (int): Documents with more tokens count as over-long.
    RETURNS (list[Finding]): What was found, errors first.
    RAISES (ClintlError): A path cannot be read, or a library is missing.
    """
    is_garbled = _garbled_test()
    twins = TwinIndex(threshold, min_words)
    sentences = SentenceIndex(threshold, min_words)
    surveys = {name: _Part() for name in parts}
    adaptation = list(adaptation)
    pairs: list[Pair] = []
    for part, path in parts.items():
        for number, doc in enumerate(iter_docbin(path, Vocab(), forget=True), start=1):
            name = str(doc.user_data.get("id") or "") or f"document {number}"
            _survey(surveys[part], doc, name, max_words, is_garbled)
            text = Text(part, name, doc.text)
            pairs += twins.add(text)
            if adaptation:
                sentences.add(text)
    for raw in read_texts(adaptation, txt_documents=txt_documents) if adaptation else ():
        text = Text(ADAPTATION, raw.where, raw.text)
        pairs += twins.compare(text)
        sentences.look_in(text)
    pairs += sentences.found(ADAPTATION)
    findings = _leaks(pairs) + _labels(surveys) + _groups(surveys)
    for part, survey in surveys.items():
        for severity, what, names in (
            ("error", "text with a broken encoding", survey.garbled),
            # No tagger predicts these: spaCy does not allow it.
            ("error", "entity with whitespace at an edge", survey.padded),
            ("warning", "empty document", survey.empty),
            ("warning", f"document with more than {max_words:,} tokens", survey.long),
            ("warning", "document without any annotation", survey.unlabelled),
        ):
            if names:
                findings.append(Finding(severity, what, part, len(names), names[:NAMED]))
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _garbled_test() -> Callable[[str], bool]:
    try:
        from ftfy.badness import is_bad
    except ImportError as error:
        raise ClintlError(Errors.CL167.format(library="ftfy")) from error
    return lambda text: "\ufffd" in text or is_bad(text)


def _survey(
    part: _Part, doc: Doc, name: str, max_words: int, is_garbled: Callable[[str], bool]
) -> None:
    part.documents += 1
    text = doc.text
    if not text.strip():
        part.empty.append(name)
    if len(doc) > max_words:
        part.long.append(name)
    if is_garbled(text):
        part.garbled.append(name)
    for key, value in doc.cats.items():
        task, _, label = key.partition("/")
        part.labels[task][label] += value >= 0.5
    if has_entities(doc):
        part.labels[ENTITIES].update(ent.label_ for ent in doc.ents)
    elif not doc.cats:
        part.unlabelled.append(name)
    entities = [*doc.ents, *(span for group in doc.spans.values() for span in group if len(span))]
    # Not `token.is_space`, which a vocabulary without a language does not know.
    if any(span[i].text.isspace() for span in entities for i in (0, -1)):
        part.padded.append(name)
    for key in GROUPS:
        group = group_of(doc, key)
        if group is not None:
            part.groups[key].setdefault(group, name)


def _leaks(pairs: Iterable[Pair]) -> list[Finding]:
    sorted_pairs: dict[tuple[str, str, str], list[Pair]] = defaultdict(list)
    twins = {(pair.part_a, pair.a, pair.part_b) for pair in pairs if pair.kind != "contained"}
    for pair in pairs:
        # A whole twin's sentences are met as well: said once is enough.
        if pair.kind != "contained" or (pair.part_a, pair.a, pair.part_b) not in twins:
            sorted_pairs[pair.kind, pair.part_a, pair.part_b].append(pair)
    findings = []
    for (kind, a, b), found in sorted_pairs.items():
        # The same text on two sides is a leak; within a part it only counts twice.
        severity = "warning" if a == b else "error"
        examples = [f"{pair.a} = {pair.b}" for pair in found[:NAMED]]
        # Several pairs may name one text: count the texts of the labelled side.
        n = len({pair.a if b == ADAPTATION else pair.b for pair in found})
        findings.append(Finding(severity, kind, a if a == b else f"{a} | {b}", n, examples))
    return findings


def _labels(surveys: Mapping[str, _Part]) -> list[Finding]:
    findings = []
    first = next(iter(surveys))
    for task in sorted({task for survey in surveys.values() for task in survey.labels}):
        found = {name: part.labels[task] for name, part in surveys.items() if task in part.labels}
        absent = [name for name in surveys if name not in found]
        if absent:
            where = ", ".join(absent)
            findings.append(Finding("warning", "task not annotated", where, len(absent), [task]))
        if task != ENTITIES and first in found:
            for name, labels in found.items():
                # A category that does not hold still stands in its document, as 0.
                if strange := sorted(set(labels) ^ set(found[first])):
                    where = f"{first} | {name}"
                    findings.append(
                        Finding("error", f"{task}: label sets differ", where, len(strange), strange)
                    )
        every = set().union(*found.values())
        for name, labels in found.items():
            if missing := sorted(label for label in every if not labels.get(label)):
                # What training never shows cannot be learned; elsewhere it is only not scored.
                severity = "error" if name == first else "warning"
                what = f"{task}: label without example"
                findings.append(Finding(severity, what, name, len(missing), missing))
    return findings


def _groups(surveys: Mapping[str, _Part]) -> list[Finding]:
    findings = []
    names = list(surveys)
    for key in GROUPS:
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                common = sorted(surveys[a].groups[key].keys() & surveys[b].groups[key].keys())
                if common:
                    where = f"{a} | {b}"
                    findings.append(
                        Finding("error", f"{key} on two sides", where, len(common), common[:NAMED])
                    )
    return findings
