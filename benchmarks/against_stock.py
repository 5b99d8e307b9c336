"""Train and run stock spacy-transformers and this package's encoder in turn, side by side.

    python -m spacy project run base
    python -m spacy clintl convert iob FOLDER/bc5cdr/train.tsv corpus/bc5cdr.train.spacy
    python -m spacy clintl convert iob FOLDER/bc5cdr/dev.tsv corpus/bc5cdr.dev.spacy
    python benchmarks/against_stock.py models/base corpus/bc5cdr.train.spacy corpus/bc5cdr.dev.spacy

All pipelines get the same base weights, batches and updates, and their encoders learn at the same
rate. The head of `iob_ner` learns faster than that (`--head-rate`), which the stock architecture
cannot be told; `ner` learns as fast as the encoder everywhere. The pipelines take turns every few
updates (and every few documents when predicting), so that a busy machine slows all of them; the
ratios are medians over the turns.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import spacy
import srsly
import torch
import typer
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.training import Corpus, Example
from spacy.training.batchers import minibatch_by_words
from spacy.util import fix_random_seed, minibatch
from thinc.api import Adam, warmup_linear
from wasabi import msg

from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.data.docbin import count_docs, docbin_files
from spacy_clintl.models.encoder import check_encoder_folder

TRANSFORMERS = {
    "stock": {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        # What `spacy init config` writes for a transformer.
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1"}
        | {"window": 128, "stride": 96},
        "tokenizer_config": {"use_fast": True},
    },
    "ours": {"@architectures": "spacy_clintl.AdaptedTransformer.v1"},
}
TAGGERS = {
    "ner": {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": False,
        "nO": None,
    },
    "iob_ner": {"@architectures": "spacy_clintl.IobTagger.v1"},
    "iob_ner (CRF)": {"@architectures": "spacy_clintl.IobTagger.v1", "crf": True},
}
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
CONTESTANTS = (
    ("stock", "ner"),
    ("ours", "ner"),
    ("ours", "iob_ner"),
    ("ours", "iob_ner (CRF)"),
)


@dataclass
class Contestant:
    """One pipeline, its data and its clock."""

    name: str
    nlp: Language
    optimizer: Adam
    batches: Iterator[list[Example]]
    dev: list[Example]
    update: list[float] = field(default_factory=list)
    predict: list[float] = field(default_factory=list)


def contestant(
    encoder: str, tagger: str, base: Path, train: Path, dev: Path, settings: dict[str, Any]
) -> Contestant:
    """Build a pipeline whose batches are those of every other contestant."""
    fix_random_seed(settings["seed"])
    nlp = spacy.blank("en")
    factory = tagger.partition(" ")[0]
    head_rate = settings["head_rate"] if factory == "iob_ner" else 1.0
    model: dict[str, Any] = {**TRANSFORMERS[encoder], "name": str(base)}
    if head_rate != 1.0:
        model["rate"] = 1 / head_rate
    nlp.add_pipe("transformer", config={"model": model})
    nlp.add_pipe(factory, config={"model": {**TAGGERS[tagger], "tok2vec": LISTENER}})
    examples = list(Corpus(train, shuffle=False)(nlp))
    nlp.initialize(lambda: examples)
    optimizer = Adam(
        warmup_linear(head_rate * settings["rate"], settings["updates"] // 10, settings["updates"]),
        L2=0.01,
        L2_is_weight_decay=True,
        grad_clip=1.0,
    )
    batches = minibatch_by_words(cycle(examples), size=settings["words"], tolerance=0.2)
    held_out = list(Corpus(dev, limit=settings["dev_docs"])(nlp))
    return Contestant(f"{encoder} + {tagger}", nlp, optimizer, batches, held_out)


def count_words(examples: list[Example]) -> int:
    """Count the words of a batch."""
    return sum(len(example.reference) for example in examples)


def timed(call: Callable[[], Any]) -> float:
    """Run a function; return seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def train_in_turn(contestants: list[Contestant], updates: int, turn: int) -> list[int]:
    """Train `turn` updates of each contestant, again and again; return the words of each turn."""
    sizes = []
    for start in range(0, updates, turn):
        # Each turn begins with another contestant: none profits from its place.
        shift = len(sizes) % len(contestants)
        size = 0
        for one in contestants[shift:] + contestants[:shift]:
            batches = list(islice(one.batches, min(turn, updates - start)))
            size = sum(map(count_words, batches))

            def update(one: Contestant = one, batches: list[list[Example]] = batches) -> None:
                for batch in batches:
                    one.nlp.update(batch, sgd=one.optimizer, drop=0.1)
                    one.optimizer.step_schedules()

            one.update.append(timed(update))
        sizes.append(size)
        msg.text(f"{min(start + turn, updates)}/{updates} updates", spaced=False)
    return sizes


def predict_in_turn(contestants: list[Contestant], turn: int) -> list[int]:
    """Predict `turn` documents with each contestant, again and again; return the words of each."""
    sizes = []
    parts = [list(minibatch(one.dev, turn)) for one in contestants]
    for number, examples in enumerate(zip(*parts, strict=True)):
        shift = number % len(contestants)
        order = list(range(len(contestants)))
        for index in order[shift:] + order[:shift]:
            one, part = contestants[index], examples[index]

            def predict(one: Contestant = one, part: list[Example] = part) -> None:
                docs = one.nlp.pipe(example.predicted for example in part)
                for example, doc in zip(part, docs, strict=True):
                    example.predicted = doc

            one.predict.append(timed(predict))
        sizes.append(count_words(examples[0]))
    return sizes


def row(one: Contestant, stock: Contestant, sizes: dict[str, list[int]]) -> dict[str, Any]:
    """Words per second (median over the turns), ratios to stock, and entity scores."""
    result: dict[str, Any] = {"pipeline": one.name}
    for what, mine, other in (
        ("training", one.update, stock.update),
        ("inference", one.predict, stock.predict),
    ):
        speeds = [size / seconds for size, seconds in zip(sizes[what], mine, strict=True)]
        result[f"{what}_words_per_second"] = statistics.median(speeds)
        ratios = [theirs / ours for ours, theirs in zip(mine, other, strict=True)]
        result[f"{what}_ratio"] = statistics.median(ratios)
    scores = Scorer.score_spans(one.dev, "ents")
    return result | {name: 100 * scores[name] for name in ("ents_p", "ents_r", "ents_f")}


def main(
    base: Annotated[Path, typer.Argument(help="Folder of the encoder", exists=True)],
    train: Annotated[Path, typer.Argument(help=".spacy file with entities", exists=True)],
    dev: Annotated[Path, typer.Argument(help=".spacy file with entities", exists=True)],
    updates: Annotated[int, typer.Option(help="Updates of each pipeline")] = 150,
    words: Annotated[int, typer.Option(help="Words in a batch")] = 1000,
    dev_docs: Annotated[int, typer.Option(help="Documents to predict and score")] = 1000,
    turn: Annotated[int, typer.Option(help="Updates in a turn; 20 times as many documents")] = 10,
    rate: Annotated[float, typer.Option(help="Peak learning rate of the encoders")] = 2e-4,
    head_rate: Annotated[
        float, typer.Option(help="That of the heads of iob_ner, times --rate")
    ] = 10.0,
    seed: Annotated[int, typer.Option(help="Of the heads and of dropout")] = 0,
    output: Annotated[Path | None, typer.Option(help="Keep the figures as JSON")] = None,
) -> None:
    """Compare stock spacy-transformers with this package on entity recognition."""
    check_encoder_folder(base)
    # What cannot be read is told in a line here; spaCy's reader warns, or ends in a traceback.
    for file in (*docbin_files(train), *docbin_files(dev)):
        count_docs(file)
    settings = {
        "updates": updates,
        "words": words,
        "dev_docs": dev_docs,
        "rate": rate,
        "head_rate": head_rate,
        "seed": seed,
    }
    contestants = [
        contestant(encoder, tagger, base, train, dev, settings) for encoder, tagger in CONTESTANTS
    ]
    sizes = {"training": train_in_turn(contestants, updates, turn)}
    sizes["inference"] = predict_in_turn(contestants, 20 * turn)
    rows = [row(one, contestants[0], sizes) for one in contestants]
    msg.table(
        [
            (
                each["pipeline"],
                f"{each['training_words_per_second']:,.0f}",
                f"{each['training_ratio']:.1f}",
                f"{each['inference_words_per_second']:,.0f}",
                f"{each['inference_ratio']:.1f}",
                *(f"{each[name]:.1f}" for name in ("ents_p", "ents_r", "ents_f")),
            )
            for each in rows
        ],
        header=("pipeline", "train w/s", "ratio", "run w/s", "ratio", "P", "R", "F1"),
        aligns=("l", *"rrrrrrr"),
        divider=True,
    )
    machine = {
        "processor": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    msg.text(", ".join(f"{key} {value}" for key, value in machine.items()))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, {"settings": settings, "machine": machine, "rows": rows})
        msg.good(f"Wrote {output}")


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
