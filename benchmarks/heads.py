"""What more heads cost: training and prediction with one task and with several, side by side.

    python -m spacy project run base
    python -m spacy project run corpus
    python benchmarks/heads.py models/base corpus/train.spacy diagnosis

The tasks are copies of one task of the corpus under other names, so that all pipelines do the same
work but for the heads. They take turns every few updates, so that a busy machine slows all of them;
the ratios are medians over the turns.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import spacy
import srsly
import typer
from spacy.language import Language
from spacy.training import Example
from spacy.util import fix_random_seed, minibatch
from thinc.api import Adam
from wasabi import msg

from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.data.docbin import iter_docbin
from spacy_clintl.models.encoder import check_encoder_folder

LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "pooling": {"@layers": "reduce_mean.v1"},
}


def read_examples(corpus: Path, task: str, names: list[str]) -> list[Example]:
    """Read the documents annotated for a task, annotated alike for tasks of other names."""
    vocab = spacy.blank("en").vocab
    examples = []
    for doc in iter_docbin(corpus, vocab):
        gold = {
            key.partition("/")[2]: v for key, v in doc.cats.items() if key.startswith(f"{task}/")
        }
        if gold:
            doc.cats = {f"{name}/{label}": v for name in names for label, v in gold.items()}
            examples.append(Example(doc.copy(), doc))
    if not examples:
        msg.fail(f"No document of {corpus} is annotated for the task {task!r}.", exits=1)
    return examples


def build(base: Path, names: list[str], head: str, examples: list[Example]) -> Language:
    """Make a pipeline with one head a name, on one encoder."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    encoder = {"@architectures": "spacy_clintl.AdaptedTransformer.v1", "name": str(base)}
    nlp.add_pipe("transformer", config={"model": encoder})
    tasks = {
        name: {"exclusive": True, "head": {"@architectures": f"spacy_clintl.{head}.v1"}}
        for name in names
    }
    model = {"@architectures": "spacy_clintl.MultiTaskTextCat.v1", "tok2vec": LISTENER}
    nlp.add_pipe("multitask_textcat", config={"tasks": tasks, "model": model})
    nlp.initialize(lambda: examples)
    return nlp


def timed(call: Callable[[], Any]) -> float:
    """Run a function; return seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main(
    base: Annotated[Path, typer.Argument(help="Folder of the encoder", exists=True)],
    corpus: Annotated[Path, typer.Argument(help=".spacy file", exists=True)],
    task: Annotated[str, typer.Argument(help="A task of the corpus")],
    heads: Annotated[int, typer.Option(help="Heads of the larger pipeline")] = 8,
    head: Annotated[str, typer.Option(help="Their architecture")] = "LinearHead",
    batch: Annotated[int, typer.Option(help="Documents in a batch")] = 16,
    turns: Annotated[int, typer.Option(help="Turns; each is two batches")] = 20,
    output: Annotated[Path | None, typer.Option(help="Keep the figures as JSON")] = None,
) -> None:
    """Compare the time of one head with that of several."""
    check_encoder_folder(base)
    pipelines = []
    for n in (1, heads):
        names = [f"task{i}" for i in range(n)]
        examples = read_examples(corpus, task, names)
        pipelines.append((build(base, names, head, examples), examples, Adam(1e-4)))
    seconds: dict[str, list[list[float]]] = {"training": [], "inference": []}
    for turn in range(turns + 1):
        row: dict[str, list[float]] = {"training": [0.0, 0.0], "inference": [0.0, 0.0]}
        # Each turn begins with the other pipeline: neither profits from its place.
        for i in (0, 1) if turn % 2 else (1, 0):
            nlp, examples, optimizer = pipelines[i]
            start = 2 * batch * turn % max(1, len(examples) - 2 * batch)
            part = examples[start : start + 2 * batch]

            def train(nlp: Language = nlp, part: Any = part, optimizer: Adam = optimizer) -> None:
                for some in minibatch(part, batch):
                    nlp.update(some, sgd=optimizer, drop=0.1)

            def predict(nlp: Language = nlp, part: Any = part) -> None:
                list(nlp.pipe(example.reference.text for example in part))

            row["training"][i] = timed(train)
            row["inference"][i] = timed(predict)
        if turn:  # the first one only warms up
            for what, pair in row.items():
                seconds[what].append(pair)
    result: dict[str, Any] = {"heads": heads, "head": head, "documents": 2 * batch, "turns": turns}
    for what, pairs in seconds.items():
        one, many = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        result |= {f"{what}_seconds": [one, many], f"{what}_ratio": ratio}
        msg.text(f"{what}: 1 head {one:.2f} s, {heads} heads {many:.2f} s, ratio {ratio:.2f}")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, result)
        msg.good(f"Wrote {output}")


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
