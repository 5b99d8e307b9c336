"""Write the embedded synthetic clinical corpus and dictionaries: ``python assets/generate.py``.

Every text is made up from the tables in ``generator/``; the same seed gives the same
records on every machine and Python version.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from generator.core import DIAGNOSES, Draw, categories, quota, render
from generator.dialogue import DIALOGUE, spoken
from generator.english import ENGLISH
from generator.french import FRENCH
from generator.lexicons import build_lexicons, encode_lexicon
from generator.notes import Lexicon, NoteWriter, Patient, draw_noise, new_case, new_patient
from generator.pairs import write_pairs
from generator.spanish import SPANISH

HERE = Path(__file__).resolve().parent

SIZES = {
    "en": {"train": 880, "dev": 160, "test": 250},
    "es": {"train": 150, "test": 100},
    "fr": {"train": 150, "test": 100},
    "dialogue": {"train": 150, "test": 100},
    "pairs": {"train": 600, "dev": 150, "test": 150},
}
RAW_SIZE = 3400
# Which annotation an English training note carries.
TRAIN_MODES = {"cats": 0.45, "spans": 0.30, "both": 0.25}

Record = dict[str, Any]


class Corpus:
    """The notes of one language: patients and texts are never shared between splits."""

    def __init__(self, name: str, lexicon: Lexicon, seed: int) -> None:
        self.name = name
        self.lexicon = lexicon
        self.draw = Draw(f"{seed}/{name}")
        self.seen: set[str] = set()
        self.patients = 0

    def _patients(self) -> Iterator[Patient]:
        """Patients of one split, each for one to three notes."""
        prefix = "p" if self.name == "en" else f"{self.name}-p"
        while True:
            self.patients += 1
            patient = new_patient(f"{prefix}{self.patients:04d}", self.draw, self.lexicon)
            for _ in range(self.draw.pick((1, 1, 1, 2, 2, 3))):
                yield patient

    def note(self, patient: Patient, diagnosis: str, late: bool) -> tuple[str, list, list[str]]:
        """Text, spans and present findings of a note of fitting length not written before."""
        low, high = self.lexicon.length
        while True:
            case = new_case(patient, diagnosis, self.draw, late)
            marked = NoteWriter(self.lexicon, case, self.draw).write()
            if self.name == "dialogue":
                marked = spoken(marked)
            text, spans = render(marked, self.draw, draw_noise(self.draw))
            if low <= len(text.split()) <= high and text not in self.seen:
                self.seen.add(text)
                return text, spans, case.present

    def split(self, split: str, count: int) -> list[Record]:
        draw = self.draw
        partial = self.name == "en" and split == "train"
        modes = quota(TRAIN_MODES, count) if partial else ["both"] * count
        categorised = sum(mode != "spans" for mode in modes)
        # Quotas apart, so that the rarest class keeps its share where it is annotated.
        named = draw.shuffled(quota(DIAGNOSES, categorised))
        unnamed = draw.shuffled(quota(DIAGNOSES, count - categorised))
        records = []
        patients = self._patients()
        for number, mode in enumerate(draw.shuffled(modes), start=1):
            diagnosis = (unnamed if mode == "spans" else named).pop()
            patient = next(patients)
            text, spans, present = self.note(patient, diagnosis, late=split == "test")
            record: Record = {
                "id": f"{self.name}-{split}-{number:04d}",
                "text": text,
                "lang": self.lexicon.lang,
            }
            if mode != "spans":
                record["cats"] = categories(diagnosis, present)
            if mode != "cats":
                record["spans"] = spans
            record["meta"] = {"patient": patient.ident}
            records.append(record)
        return records

    def raw(self, count: int) -> list[Record]:
        labels = self.draw.shuffled(quota(DIAGNOSES, count))
        records = []
        patients = self._patients()
        for number, diagnosis in enumerate(labels, start=1):
            text, _, _ = self.note(next(patients), diagnosis, late=True)
            records.append({"id": f"{self.name}-raw-{number:04d}", "text": text})
        return records


def build(seed: int) -> dict[str, list[Record]]:
    """All records by file name."""
    files: dict[str, list[Record]] = {}
    lexicons = {"en": ENGLISH, "es": SPANISH, "fr": FRENCH, "dialogue": DIALOGUE}
    for name, lexicon in lexicons.items():
        corpus = Corpus(name, lexicon, seed)
        for split, count in SIZES[name].items():
            files[f"{name}.{split}.jsonl"] = corpus.split(split, count)
        if name == "en":
            files["raw.en.jsonl.gz"] = corpus.raw(RAW_SIZE)
    premises: set[str] = set()
    draw = Draw(f"{seed}/pairs")
    for split, count in SIZES["pairs"].items():
        files[f"pairs.{split}.jsonl"] = write_pairs(split, count, draw, premises)
    return files


def encode(records: Iterable[Record], packed: bool) -> bytes:
    lines = (json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n" for r in records)
    data = "".join(lines).encode("utf-8")
    if not packed:
        return data
    buffer = io.BytesIO()
    # No name and no time in the header, so equal content gives equal bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as packer:
        packer.write(data)
    return buffer.getvalue()


def write_file(path: Path, data: bytes) -> None:
    """Whole or not at all: a reader never sees half a file."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the embedded synthetic corpus.")
    parser.add_argument(
        "--out",
        type=Path,
        default=HERE / "corpus",
        help="folder of the corpus; dictionaries go to 'lexicon' beside it",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random draws")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    files = build(args.seed)
    total = 0
    for name, records in files.items():
        data = encode(records, packed=name.endswith(".gz"))
        write_file(args.out / name, data)
        total += len(data)
    lexicons = args.out.parent / "lexicon"
    lexicons.mkdir(exist_ok=True)
    for name, phrases in build_lexicons().items():
        write_file(lexicons / name, encode_lexicon(phrases))
    notes = sum(len(records) for records in files.values())
    print(f"wrote {len(files)} files, {notes} records, {total / 1e6:.2f} MB to {args.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
