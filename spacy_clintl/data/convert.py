"""Converting files of any registered format to a .spacy file, and back."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.vocab import Vocab

from ..errors import ClintlError, Errors
from ..util import write_json
from .docbin import docbin_writer, iter_docbin
from .docs import DEFAULT_POLICY, Policy, to_doc, to_record
from .formats import check_options, get_reader, get_writer
from .records import ConversionCounts, Record

# Between a task's name and a label.
SEPARATOR = "/"
# Records after which the strings of their Docs are forgotten: memory must not grow with a corpus.
ZONE = 2000


def convert(
    format_name: str,
    source: str | Path,
    target: str | Path,
    *,
    lang: str = "en",
    options: Mapping[str, Any] | None = None,
    pattern: str = "*",
    limit: int | None = None,
    seed: int | None = None,
    entities: Mapping[str, str] | None = None,
    with_entities: bool = True,
    categories: Sequence[str] = (),
    policy: Policy = DEFAULT_POLICY,
    report: str | Path | None = None,
) -> ConversionCounts:
    """Convert a file, or all files of a folder in the order of their names, to a .spacy file.

    format_name (str): The format's registered name.
    source (str | Path): The file or folder.
    target (str | Path): The .spacy file to write; it appears whole or not at all. A corpus of more
        than a million tokens becomes a folder of this name with several files.
    lang (str): The language of the blank pipeline that tokenizes.
    options (Mapping[str, Any] | None): Options of the format's reader.
    pattern (str): Which files of a folder to take, e.g. '*.iob'.
    limit (int | None): Keep this many records: the first ones or, with a seed, a random sample.
    seed (int | None): Draws the sample; without a limit it changes nothing.
    entities (Mapping[str, str] | None): The entity labels wanted, and what each becomes; None keeps
        all as they are.
    with_entities (bool): Whether entities are kept. Without them no document is annotated for
        entities: they are missing, and not 'none there'.
    categories (Sequence[str]): Categories, as 'task/label', that each document gets with 1.0.
    policy (Policy): What becomes of entities that do not fit `doc.ents`.
    report (str | Path | None): A JSON file for the counts and settings.
    RETURNS (ConversionCounts): What was read, written, changed and left out.
    RAISES (ClintlError): A path, an option, a category, the language or the data is not as it must
        be.
    """
    target = Path(target)
    if target.suffix != ".spacy":
        raise ClintlError(Errors.CL140.format(path=target))
    if limit is not None and limit < 1:
        raise ClintlError(Errors.CL133.format(name=format_name, option="--limit", value=limit))
    for category in categories:
        task, _, label = category.partition(SEPARATOR)
        if not task.strip() or not label.strip():
            raise ClintlError(Errors.CL159.format(value=category))
    reader = get_reader(format_name)
    settings = check_options(format_name, reader, options or {})
    paths = source_files(Path(source), pattern, but=target)
    nlp = blank(lang)
    counts = ConversionCounts()
    records = _sample(reader(paths, counts, **settings), limit, seed)
    if not with_entities:
        records = _without_entities(records, counts)
    elif entities is not None:
        records = _relabelled(records, entities, counts)
    if categories:
        cats = dict.fromkeys(categories, 1.0)
        records = (replace(record, cats={**(record.cats or {}), **cats}) for record in records)
    with docbin_writer(target) as add:
        while batch := list(islice(records, ZONE)):
            with nlp.memory_zone():
                for record in batch:
                    add(to_doc(record, nlp, counts, policy))
        if not counts.documents:
            reason = ": ".join(counts.skipped[0]) if counts.skipped else "it is empty"
            raise ClintlError(
                Errors.CL134.format(path=source, n=counts.n_skipped, reason=f"first: {reason}")
            )
    if report is not None:
        data = {
            "format": format_name,
            "source": str(source),
            "target": str(target),
            "lang": lang,
            "options": {key: _plain(value) for key, value in settings.items()},
            "pattern": pattern,
            "limit": limit,
            "seed": seed,
            "entities_wanted": None if entities is None else dict(entities),
            "with_entities": with_entities,
            "categories_given": list(categories),
            "policy": vars(policy),
            **counts.to_dict(),
        }
        write_json(report, data)
    return counts


def write_back(
    format_name: str,
    source: str | Path,
    target: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
) -> int:
    """Write the Docs of a .spacy file in another format.

    format_name (str): The format's registered name.
    source (str | Path): The .spacy file, or a folder of them.
    target (str | Path): The file or folder to write, as the format has it.
    options (Mapping[str, Any] | None): Options of the format's writer.
    RETURNS (int): How many documents were written.
    RAISES (ClintlError): There is no such writer or option, or the source cannot be read.
    """
    writer = get_writer(format_name)
    settings = check_options(format_name, writer, options or {})
    n_documents = 0

    def records() -> Iterator[Record]:
        nonlocal n_documents
        for number, doc in enumerate(iter_docbin(source, Vocab(), forget=True), start=1):
            yield to_record(doc, where=f"{source}, document {number}")
            n_documents += 1

    writer(records(), Path(target), **settings)
    return n_documents


def blank(lang: str) -> Language:
    """Make a blank pipeline.

    lang (str): The language's code.
    RAISES (ClintlError): spaCy does not know the language, or lacks a package for it.
    """
    try:
        return spacy.blank(lang)
    except ImportError as error:
        raise ClintlError(Errors.CL143.format(lang=lang)) from error


def source_files(source: Path, pattern: str = "*", *, but: Path | None = None) -> list[Path]:
    """List the files to read.

    source (Path): A file, or a folder whose visible files are taken in the order of their names;
        those of the folders below it if it holds none itself.
    pattern (str): Which files of a folder to take; '**/*' also takes those of folders below it.
    but (Path | None): A file to leave out.
    RAISES (ClintlError): The source does not exist, or the folder has no such file.
    """
    if not source.exists():
        raise ClintlError(Errors.CL100.format(path=source))
    if not source.is_dir():
        return [source]
    left_out = None if but is None else but.resolve()

    def visible(pattern: str) -> list[Path]:
        return sorted(
            path
            for path in source.glob(pattern)
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(source).parts)
            and path.resolve() != left_out
        )

    files = visible(pattern) or (visible("**/*") if pattern == "*" else [])
    if not files:
        raise ClintlError(Errors.CL144.format(path=source, pattern=pattern))
    return files


def _relabelled(
    records: Iterator[Record], wanted: Mapping[str, str], counts: ConversionCounts
) -> Iterator[Record]:
    for record in records:
        if record.spans is not None:
            counts.source_labels.update(span.label for span in record.spans)
            spans = [
                replace(span, label=wanted[span.label])
                for span in record.spans
                if span.label in wanted
            ]
            counts.unwanted += len(record.spans) - len(spans)
            record = replace(record, spans=spans)
        yield record


def _without_entities(records: Iterator[Record], counts: ConversionCounts) -> Iterator[Record]:
    for record in records:
        counts.unwanted += len(record.spans or ())
        yield replace(record, spans=None)


def _sample(records: Iterator[Record], limit: int | None, seed: int | None) -> Iterator[Record]:
    if limit is None or seed is None:
        return islice(records, limit)
    # A reservoir (Vitter 1985, algorithm R): of a large corpus only the sample is held.
    rng = random.Random(seed)
    chosen: list[tuple[int, Record]] = []
    for number, record in enumerate(records):
        place = number if number < limit else rng.randrange(number + 1)
        if place < len(chosen):
            chosen[place] = (number, record)
        elif place < limit:
            chosen.append((number, record))
    return (record for _, record in sorted(chosen, key=lambda item: item[0]))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
