"""Arrange the downloads of `spacy project assets` in the folder that the workflow `public` reads.

    python assets/public.py downloads data

The corpora stay under their own licences; nothing of them is part of this project.
"""

import csv
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import srsly
import typer
from wasabi import msg

from spacy_clintl.util import whole_file

# Where a corpus has no development part, this share of its training part, chosen by hash, is it.
DEV_SHARE = 0.12


def is_dev(key: str) -> bool:
    """Tell the split from the document alone, so that no order of files and no seed can move it."""
    return int(hashlib.sha256(key.encode("utf-8")).hexdigest()[:8], 16) / 0xFFFFFFFF < DEV_SHARE


def medical_abstracts(folder: Path, data: Path) -> Iterator[tuple[Path, int]]:
    """Classes by name, and no text that carries two of them (a third of the published rows do)."""
    with (folder / "medical_tc_labels.csv").open(encoding="utf-8", newline="") as file:
        names = {row["condition_label"]: row["condition_name"] for row in csv.DictReader(file)}
    classes: dict[str, set[str]] = {}
    with (folder / "medical_tc_train.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            classes.setdefault(row["medical_abstract"].strip(), set()).add(row["condition_label"])
    clear = {text: names[min(found)] for text, found in classes.items() if len(found) == 1}
    msg.info(f"medical_abstracts: {len(classes) - len(clear):,} texts with two classes left out")
    for part, wanted in (("train", False), ("dev", True)):
        path = data / "medical_abstracts" / f"{part}.csv"
        rows = [(label, text) for text, label in clear.items() if is_dev(text) is wanted]
        with (
            whole_file(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as out,
        ):
            csv.writer(out).writerows([("label", "text"), *rows])
        yield path, len(rows)


def hoc(folder: Path, data: Path) -> Iterator[tuple[Path, int]]:
    """A document has the hallmarks of its sentences, at the upper of the two levels."""
    parts: dict[bool, list[dict]] = {False: [], True: []}
    for file in sorted((folder / "text").glob("*.txt")):
        # One label field a sentence, parted by "<"; within it labels by " AND ", levels by "--".
        fields = (folder / "labels" / file.name).read_text(encoding="utf-8").split("<")
        labels = {name.split("--")[0].strip() for field in fields for name in field.split(" AND ")}
        text = " ".join(file.read_text(encoding="utf-8").split())
        record = {"id": file.stem, "text": text, "labels": sorted(labels - {"", "NULL"})}
        parts[is_dev(file.stem)].append(record)
    for part, wanted in (("train", False), ("dev", True)):
        path = data / "hoc" / f"{part}.jsonl"
        with whole_file(path) as temporary:
            srsly.write_jsonl(temporary, parts[wanted])
        yield path, len(parts[wanted])


def e3c_raw(folder: Path, data: Path) -> Iterator[tuple[Path, int]]:
    """The texts of layer 3, one JSON object a line."""
    path, count = data / "e3c_raw" / "en.jsonl.gz", 0
    with whole_file(path) as temporary, gzip.open(temporary, "wt", encoding="utf-8") as out:
        for file in sorted(folder.glob("*.json")):
            record = srsly.read_json(file)
            out.write(json.dumps({"id": record["id"], "text": record["text"]}) + "\n")
            count += 1
    yield path, count


def bc5cdr(folder: Path, data: Path) -> Iterator[tuple[Path, int]]:
    """The published columns, as they are."""
    for part, name in (("train", "train.tsv"), ("dev", "devel.tsv")):
        path = data / "bc5cdr" / f"{part}.tsv"
        text = (folder / name).read_text(encoding="utf-8")
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        yield path, text.count("\n\n")


def arrange(downloads: Path, data: Path) -> None:
    """Write the four corpora of the workflow `public`.

    downloads (Path): What `spacy project assets` fetched.
    data (Path): The folder to name as `--vars.data`.
    """
    for corpus in (medical_abstracts, hoc, e3c_raw, bc5cdr):
        made: Iterable[tuple[Path, int]] = corpus(downloads / corpus.__name__, data)
        try:
            for path, count in made:
                if not count:
                    msg.fail(f"Nothing found in {downloads / corpus.__name__}", exits=1)
                msg.good(f"Wrote {count:,} texts to {path}")
        except FileNotFoundError as error:
            msg.fail(f"{error.filename} is missing: run 'python -m spacy project assets'", exits=1)


if __name__ == "__main__":
    typer.run(arrange)
