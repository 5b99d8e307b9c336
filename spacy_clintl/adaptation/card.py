"""The model card of an adapted encoder, and the chart of its training loss.

Mitchell et al. 2019, "Model cards for model reporting". The head of the card is what the Hugging
Face hub reads. Neither holds text of a document or a path of the machine.
"""

import hashlib
import json
import platform
import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..about import __version__
from ..data.raw import find_text_files, read_texts
from ..util import sha256_of, whole_file
from .blocks import count_words, portions
from .sources import PACKAGES

CARD, CHART = "README.md", "training_loss.png"
CORPORA_FILE = "corpora.json"
ON_THE_HUB = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
# Of https://huggingface.co/docs/hub/repositories-licenses, what fits to text and weights.
LICENCES = re.compile(
    r"apache-2\.0|mit|bsd(-[23]-clause)?|cc|cc0-1\.0|cc-by-(2\.0|2\.5|3\.0|4\.0)"
    r"|cc-by-(sa|nd|nc|nc-nd|nc-sa)-[34]\.0|pddl|odc-by|odbl|l?gpl(-3\.0)?|gpl-2\.0|lgpl-2\.1"
    r"|agpl-3\.0|mpl-2\.0|unlicense|etalab-2\.0"
)

BODY = """
# {title}

{base} adapted to raw text by continued masked-language modelling with spacy-clintl.

## Intended use

A starting point for fine-tuning on tasks in the language and domain of the text below:
classification, entities and the like. {learned} It is no classifier by itself and no medical
device; nothing that is built on it should decide on patients without being validated for that.

## Limits

- It was adapted to the text below and to nothing else; what it is worth on other text is unknown.
- Perplexity says how well masked pieces are guessed. It is no measure of quality on a task.
- It takes over the biases of its base and of the text. Names or numbers that stand in the text
  may be recovered from such weights: share them only as the text may be shared.

## Base

{base}, weights (SHA-256):

{base_sums}

## Text

{corpora}

{counts}

Licence: {licence}.{vocabulary}

## Perplexity

Of masked word pieces in held-out documents, with {mask_share} of the pieces masked one by one:

{perplexity}

## Training

{steps}

| setting | value |
|---|---|
{settings}

## Software

{software}
"""


def describe_corpora(
    texts: Sequence[str | Path], work: Path, txt_documents: str = "file"
) -> list[dict[str, Any]]:
    """Count and hash each text that was given, once a run.

    texts (Sequence[str | Path]): Files and folders of raw text.
    work (Path): The run's work folder, which keeps the outcome.
    txt_documents (str): What one document is in a .txt, see `read_texts`.
    RETURNS (list[dict]): Name without its folder, files, documents, words and SHA-256 of each; that
        of a folder is the one of its files' sums, a line each.
    RAISES (ClintlError): For files that cannot be read.
    """
    if (work / CORPORA_FILE).is_file():
        return json.loads((work / CORPORA_FILE).read_text(encoding="utf-8"))
    found = []
    for text in map(Path, texts):
        files, documents, words = find_text_files([text]), 0, 0
        for document in read_texts([text], txt_documents=txt_documents):
            documents, words = documents + 1, words + count_words(portions(document.text))
        sums = [sha256_of(file) for file in files]
        lines = "".join(f"{one}\n" for one in sums)
        own = hashlib.sha256(lines.encode()).hexdigest() if text.is_dir() else sums[0]
        found.append(
            {
                "name": text.resolve().name,
                "files": len(files),
                "documents": documents,
                "words": words,
                "sha256": own,
            }
        )
    with whole_file(work / CORPORA_FILE) as path:
        path.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return found


def write_card(folder: Path, title: str, report: dict[str, Any]) -> None:
    """Write the model card.

    folder (Path): The encoder's folder, gets `README.md`.
    title (str): The encoder's name.
    report (dict): What an adaptation reports.
    """
    from huggingface_hub import ModelCardData

    settings, base = report["settings"], report["base"]
    name, on_the_hub = _name_of(base)
    language = settings["language"]
    data = ModelCardData(
        base_model=name if on_the_hub else None,
        language=language.split(",") if language else None,
        library_name="transformers",
        pipeline_tag="fill-mask",
        tags=["fill-mask", "domain-adaptation", "clinical", "spacy-clintl"],
        **_licence(settings["licence"]),
    )
    body = BODY.format(
        title=title,
        base=f"`{name}`",
        learned="Its head for masked-language modelling was "
        + ("learned anew." if report["head"] == "fresh" else "there before and learned, too."),
        base_sums="\n".join(f"- `{file}`: `{own}`" for file, own in base["sha256"].items()),
        corpora=_corpora(report["corpora"]),
        counts=_counts(report["text"], report["corpus"]),
        vocabulary=_vocabulary(report.get("vocabulary")),
        licence=settings["licence"] or "not stated",
        mask_share=f"{settings['mlm_probability']:.0%}",
        perplexity=_perplexities(report["held_out_perplexity"], report["head"] == "fresh"),
        steps=_steps(report),
        settings="\n".join(
            f"| `{key}` | {_shown(value)} |"
            for key, value in settings.items()
            if key not in ("licence", "language")
        ),
        software="\n".join(_software()),
    )
    text = f"---\n{data.to_yaml()}\n---\n{body}"
    (folder / CARD).write_text(text, encoding="utf-8")


def draw_log(rows: Sequence[dict[str, Any]], path: Path, tell: Callable[[str], None]) -> None:
    """Draw losses by step, if matplotlib is there.

    rows (Sequence[dict]): The rows of the training log.
    path (Path): The picture to write, a .png.
    tell (Callable): Is told when matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        tell(f"No {path.name}: matplotlib is not installed (extra 'corpus').")
        return
    axes = (figure := Figure(figsize=(8, 4.5), layout="constrained")).subplots()
    for stage, colour in (("head", "tab:orange"), ("encoder", "tab:blue")):
        steps, losses = _series([row for row in rows if row["stage"] == stage], "loss")
        if not steps:
            continue
        axes.plot(steps, losses, color=colour, alpha=0.25, linewidth=0.8)
        axes.plot(steps, _smooth(losses), color=colour, label=f"training, {stage}")
    steps, losses = _series(rows, "held_out_loss")
    if steps:
        axes.plot(steps, losses, "o-", color="tab:green", markersize=4, label="held out")
    axes.set_xlabel("step")
    axes.set_ylabel("loss of a masked piece (nats)")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    figure.savefig(path, dpi=120)


def _series(rows: Sequence[dict[str, Any]], key: str) -> tuple[list[int], list[float]]:
    found = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    return [step for step, _ in found], [value for _, value in found]


def _smooth(values: Sequence[float]) -> list[float]:
    """RETURNS (list[float]): Running means; the more values, the more slowly they forget."""
    keep = 1 - 1 / max(1.0, len(values) / 40)
    total, weight, means = 0.0, 0.0, []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        means.append(total / weight)
    return means


def _name_of(base: dict[str, Any]) -> tuple[str, bool]:
    """RETURNS (tuple): The base's name without a path, and whether the hub knows it by that."""
    name = str(base["name"])
    if base["source"] == "package":
        by_module = {package.module: hub for hub, package in PACKAGES.items() if "/" in hub}
        known = PACKAGES.get(name)
        name = by_module.get(known.module if known else name.replace("-", "_"), name)
        return name, "/" in name and bool(ON_THE_HUB.fullmatch(name))
    if base["source"] == "hub":
        return name, bool(ON_THE_HUB.fullmatch(name))
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1].strip(".~") or "a local encoder", False


def _licence(told: str | None) -> dict[str, str]:
    if told is None:
        return {}
    key = told.strip().lower().replace(" ", "-")
    return (
        {"license": key} if LICENCES.fullmatch(key) else {"license": "other", "license_name": told}
    )


def _corpora(corpora: Sequence[dict[str, Any]]) -> str:
    lines = ["| name | files | documents | words | SHA-256 |", "|---|---:|---:|---:|---|"]
    for one in corpora:
        counts = " | ".join(f"{one[key]:,}" for key in ("files", "documents", "words"))
        lines.append(f"| {_cell(one['name'])} | {counts} | `{one['sha256']}` |")
    return "\n".join(lines)


def _counts(text: dict[str, Any], choice: dict[str, Any]) -> str:
    used = text["documents"] - text["held_out_documents"]
    reasons = {
        "duplicates": "say what an earlier one says",
        "near_duplicates": "nearly do",
        "left_out": "share a text with an evaluation set",
    }
    left_out = [f"{choice[key]:,} {reason}" for key, reason in reasons.items() if choice[key]]
    told = f" Left out: {', '.join(left_out)}." if left_out else ""
    if bad := text["left_out"]["bad"]:
        told += f" Unusable records: {bad:,}."
    if choice["evaluation_texts"]:
        told += f" Evaluation texts that were looked for: {choice['evaluation_texts']:,}"
        if short := choice["short_evaluation_texts"]:
            told += f", of which {short:,} are so short that only equal documents count"
        told += "."
        if bad := choice["evaluation_left_out"].get("bad"):
            told += f" {bad:,} records of the evaluation sets could not be used or looked for."
    # The end of a document that was cut counts as one.
    documents = text["documents"] - choice["cut"]
    held = "the end of one" if choice["cut"] else f"{text['held_out_documents']:,}"
    return (
        f"Used: {documents:,} documents, {text['words']:,} words, {text['pieces']:,} word "
        f"pieces; {used:,} documents to train on, {held} held out.{told}"
    )


def _vocabulary(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    told = f"\n\n## Vocabulary\n\n{found['n_added']:,} entries were added to the base's."
    for key, what in (("held_out_pieces_per_word", "held-out word"), ("pieces_per_word", "word")):
        pieces = found[key]
        if pieces["before"] is not None:
            shares = f"{pieces['before']:.2f} before, {pieces['after']:.2f} after"
            told += f" Word pieces a {what}: {shares}."
    return told


def _perplexities(found: dict[str, float | None], fresh: bool) -> str:
    if found["before"] is None:
        return "Not measured: nothing was held out."
    # That of a head that knows nothing is about the size of the vocabulary, whatever the encoder.
    before = "before, with a head that had not learned yet" if fresh else "before"
    named = {"before": before, "after_training": "after training", "after": "of these weights"}
    return "\n".join(f"- {words}: {found[key]:.2f}" for key, words in named.items())


def _steps(report: dict[str, Any]) -> str:
    plan = report["plan"]
    told = f"{report['steps']:,} steps, {report['pieces_trained']:,} word pieces"
    if plan["head_steps"]:
        told += f"; in the first {plan['head_steps']:,} the head alone learned"
    told += f". Highest rate {plan['learn_rate']:g}."
    if report.get("best_step") is not None:
        told += f" The weights are those of step {report['best_step']:,}, the best held-out loss."
    if plan["average"]:
        told += f" Averaged with the base, whose share is {plan['average']:g}."
    return told


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "none"
    # A path says more about a machine than about an encoder.
    return _cell(Path(value).name if isinstance(value, str) else str(value))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _software() -> list[str]:
    names = ("transformers", "tokenizers", "torch", "spacy")
    lines = [f"- spacy-clintl {__version__}", f"- Python {platform.python_version()}"]
    return [*lines, *(f"- {name} {version(name)}" for name in names)]
