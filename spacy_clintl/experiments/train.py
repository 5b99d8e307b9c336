"""One run, in a process of its own: python -m spacy_clintl.experiments.train JOB.json

Memory goes back to the system after each run, and a crash is one failed run. The process ends
with the one that started it.
"""

import gzip
import json
import math
import os
import platform
import random
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean
from typing import Any

import spacy
import srsly
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.tokens import Doc
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_train_batches, train_while_improving
from spacy.util import fix_random_seed, registry, resolve_dot_names
from spacy.vocab import Vocab
from thinc.api import Config

from ..data.docbin import docbin_writer, read_docbin
from ..errors import ClintlError, Errors
from ..evaluation.run import load_pipeline
from ..util import whole_folder, write_json
from .heads import Head, entity_keys
from .judge import Judge
from .runs import OUTCOMES
from .subsets import draw, in_form

PACKAGES = ("spacy-clintl", "spacy", "spacy-transformers", "thinc", "transformers", "torch")
# Of a pipeline that is scored as it is.
UNTRAINED = {
    "averages": {},
    "curve": [],
    "best": {},
    "updates": 0,
    "training_words": 0,
    "words": 0,
    "seconds": 0.0,
    "words_per_second": 0.0,
}


def run_job(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Draw the training subset, train, score the last weights on each dev corpus.

    job (dict[str, Any]): What the runner wrote: `variant`, `config`, `corpora`, `settings`,
        `start` (a pipeline to go on from, or None), `beside` (one whose entities come first, or
        None), `trains`, `seed`, `gpu_id`, `keep` (folders for the pipeline).
    folder (Path): The run's work folder.
    RETURNS (dict[str, Any]): What is known about the run now.
    RAISES (ClintlError): Corpora that lack what shall be learned, and what components raise.
    """
    start = time.perf_counter()
    if job["gpu_id"] >= 0:
        spacy.require_gpu(job["gpu_id"])
    heads = {name: Head(**corpus["head"]) for name, corpus in job["corpora"].items()}
    drawn = {name: _write_subset(job, name, heads[name], folder / "train") for name in heads}
    if job["trains"]:
        nlp, updates = _initialized(job, folder / "train")
    else:
        nlp, updates = load_pipeline(job["start"]), 0
    judges = {
        name: Judge(nlp, heads[name], heads, corpus["through"], job["beside"], drawn[name].seen)
        for name, corpus in job["corpora"].items()
    }
    dev = {
        name: read_docbin(corpus["dev"], judges[name].outer.vocab)
        for name, corpus in job["corpora"].items()
    }
    for name, corpus in job["corpora"].items():
        _check(job, name, heads[name], dev[name])
        parts = {name: dev[name]}
        vocab = judges[name].outer.vocab
        parts |= {other: read_docbin(path, vocab) for other, path in corpus["further"].items()}
        for part, docs in parts.items():
            _check_headline(corpus, part, judges[name].names(docs))
    result = _train(nlp, job, judges, dev, updates) if updates else dict(UNTRAINED)
    averages = result.pop("averages")
    wanted: dict[str, str] = {}
    with nlp.use_params(averages):
        outcomes: dict[str, Any] = {}
        scores: dict[str, dict[str, Any]] = {}
        for name, corpus in job["corpora"].items():
            judge = judges[name]
            more = {n: read_docbin(p, judge.outer.vocab) for n, p in corpus["further"].items()}
            for part, docs in ({name: dev[name]} | more).items():
                if corpus["is_auxiliary"]:
                    scores[part] = judge.score(docs)
                    continue
                scores[part] = judge.score(docs, outcomes.setdefault(part, {}))
                _check_headline(corpus, part, scores[part])
                wanted[part] = corpus["score"]
        for kept in job["keep"]:
            with whole_folder(kept) as whole:
                nlp.to_disk(whole)
    with gzip.open(folder / OUTCOMES, "wt", encoding="utf-8") as file:
        json.dump(outcomes, file)
    return {
        "documents": {name: subset.n_documents for name, subset in drawn.items()},
        "headline": wanted,
        "score": {name: scores[name].get(key) for name, key in wanted.items()},
        "scores": scores,
        **result,
        "total_seconds": time.perf_counter() - start,
        **_environment(job["gpu_id"]),
    }


def _initialized(job: dict[str, Any], folder: Path) -> tuple[Language, int]:
    """Make the pipeline of a run, and say for how many updates it is trained."""
    config = Config().from_str(job["config"], interpolate=False)
    config["paths"] = {**config.get("paths", {}), "train": str(folder), "dev": str(folder)}
    if job["start"] is not None:
        config["paths"]["start"] = job["start"]
    config.setdefault("system", {})["seed"] = job["seed"]
    config["training"]["seed"] = job["seed"]
    updates = _plan_length(config, job["settings"])
    return init_nlp(config, use_gpu=job["gpu_id"]), updates


def _train(
    nlp: Language,
    job: dict[str, Any],
    judges: dict[str, Judge],
    dev: dict[str, list[Doc]],
    updates: int,
) -> dict[str, Any]:
    """Run spaCy's training loop, with scores by corpus in place of its own evaluation."""
    config = nlp.config.interpolate()
    fix_random_seed(job["seed"])
    settings: Any = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    [corpus] = resolve_dot_names(config, [settings["train_corpus"]])
    n = job["settings"]["curve_documents"]
    shown = {
        name: random.Random(0).sample(docs, min(n or len(docs), len(docs)))
        for name, docs in dev.items()
    }
    evaluating = 0.0
    n_calls = 0

    def evaluate() -> tuple[float, dict[str, Any]]:
        nonlocal evaluating, n_calls
        n_calls += 1
        if n_calls == 1:
            # The loop also evaluates after the first update, which tells nothing.
            return 0.0, {}
        start = time.perf_counter()
        found = {
            name: {
                key: value
                for key, value in judges[name].score(docs).items()
                if isinstance(value, int | float) and key != "words_per_second"
            }
            for name, docs in shown.items()
        }
        evaluating += time.perf_counter() - start
        compared = [n for n, corpus in job["corpora"].items() if not corpus["is_auxiliary"]]
        main = fmean(found[name].get(job["corpora"][name]["score"], 0.0) for name in compared)
        return main, found

    optimizer = settings["optimizer"]
    loop = train_while_improving(
        nlp,
        optimizer,
        create_train_batches(nlp, corpus, settings["batcher"], settings["max_epochs"]),
        evaluate,
        dropout=settings["dropout"],
        accumulate_gradient=settings["accumulate_gradient"],
        patience=0,
        # The loop counts updates from 0 and stops after the one with this number.
        max_steps=updates - 1,
        eval_frequency=math.ceil(updates / job["settings"]["evaluations"]),
        exclude=settings["frozen_components"],
        annotating_components=settings["annotating_components"],
        before_update=settings["before_update"],
    )
    curve: list[dict[str, Any]] = []
    info: dict[str, Any] = {}
    n_words = sum(len(example) for example in corpus(nlp))
    start = time.perf_counter()

    def add_point(scores: dict[str, Any]) -> None:
        epoch = round(info["words"] / n_words, 3)
        point = {"update": info["step"] + 1, "words": info["words"], "epoch": epoch}
        curve.append({**point, "scores": scores})

    for _, info, evaluated in loop:
        if evaluated is not None and info["other_scores"]:
            add_point(info["other_scores"])
    # The curve ends where training does.
    if not curve or curve[-1]["update"] <= info["step"]:
        with nlp.use_params(optimizer.averages or {}):
            add_point(evaluate()[1])
    seconds = time.perf_counter() - start - evaluating
    return {
        "averages": optimizer.averages or {},
        "curve": curve,
        "best": {
            name: _best(curve, name, corpus["score"]) for name, corpus in job["corpora"].items()
        },
        "updates": info["step"] + 1,
        "training_words": n_words,
        "words": info["words"],
        "seconds": seconds,
        "words_per_second": info["words"] / seconds,
    }


def _best(curve: list[dict[str, Any]], name: str, key: str) -> dict[str, Any] | None:
    """The best point of the curve, for its own sake: no weights are chosen by it."""
    points = [point for point in curve if key in point["scores"][name]]
    if not points:
        return None
    best = max(points, key=lambda point: (point["scores"][name][key], -point["update"]))
    return {"score": best["scores"][name][key], "epoch": best["epoch"], "update": best["update"]}


@dataclass(frozen=True)
class Subset:
    """The documents of a corpus that a run trains on.

    n_documents (int): How many were drawn.
    seen (frozenset[tuple[str, str]]): Their entities, see `entity_keys`.
    """

    n_documents: int
    seen: frozenset[tuple[str, str]]


def _write_subset(job: dict[str, Any], name: str, head: Head, folder: Path) -> Subset:
    corpus = job["corpora"][name]
    docs = read_docbin(corpus["train"], Vocab())
    _check(job, name, head, docs)
    chosen = draw(docs, corpus["size"], job["seed"]) if corpus["size"] else []
    seen = frozenset(key for doc in chosen for key in entity_keys(doc))
    if corpus["form"] is not None:
        chosen = in_form(docs, chosen, read_docbin(corpus["form"], Vocab()), corpus["form"])
    with docbin_writer(folder / f"{name}.spacy") as add:
        for doc in chosen:
            add(head.prepare(doc))
    for number, path in enumerate(corpus["also"]):
        with docbin_writer(folder / f"{name}.also-{number}.spacy") as add:
            for doc in read_docbin(path, Vocab()):
                add(head.prepare(doc))
    return Subset(len(chosen), seen)


def _check(job: dict[str, Any], name: str, head: Head, docs: list[Doc]) -> None:
    if not any(head.is_annotated(doc) for doc in docs):
        what = "entities" if head.task is None else f"categories '{head.task}/…'"
        raise ClintlError(
            Errors.CL510.format(
                corpus=name, what=what, component=head.component, variant=job["variant"]
            )
        )


def _check_headline(corpus: dict[str, Any], name: str, scores: Collection[str]) -> None:
    """A run without its headline would be done for good, and be missing in every comparison."""
    if corpus["score"] not in scores:
        known = ", ".join(key for key in scores if not key.endswith("_per_type"))
        raise ClintlError(
            Errors.CL536.format(
                corpus=name, score=corpus["score"], path=corpus["plan"], known=known
            )
        )


def _plan_length(config: Config, settings: dict[str, Any]) -> int:
    """Set how long is trained, and the learning rate's schedule with it.

    The number of updates is counted with the config's own batcher: batches of a wanted number of
    words are not full where documents are long, and every pipeline shall see its documents equally
    often.
    """
    filled = config.interpolate()
    training = filled["training"]
    nlp = spacy.blank(filled["nlp"]["lang"])
    [corpus] = resolve_dot_names(filled, [training["train_corpus"]])
    batcher: Callable = registry.resolve({"batcher": training["batcher"]})["batcher"]
    examples = list(corpus(nlp))
    rng = random.Random(filled["training"]["seed"])
    updates = 0
    for _ in range(settings["epochs"]):
        rng.shuffle(examples)
        updates += sum(1 for _ in batcher(examples))
    config["training"]["max_epochs"] = settings["epochs"]
    config["training"]["max_steps"] = updates
    schedule = config["training"].get("optimizer", {}).get("learn_rate")
    if isinstance(schedule, dict) and "warmup_steps" in schedule:
        schedule["warmup_steps"] = max(1, round(settings["warmup"] * updates))
    return updates


def _environment(gpu_id: int) -> dict[str, Any]:
    import torch

    name = torch.cuda.get_device_name(gpu_id) if gpu_id >= 0 else "cpu"
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"device": name, "threads": torch.get_num_threads(), "versions": versions}


def _end_with_parent() -> None:
    """End this process when the runner, which holds the other end of its input, is gone."""

    def wait() -> None:
        # Not through sys.stdin, whose lock would be held when Python ends.
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(path: str) -> None:
    """Do the job of a file, and write `result.json` or `error.json` beside it.

    path (str): The file.
    """
    _end_with_parent()
    folder = Path(path).parent
    try:
        result = run_job(srsly.read_json(path), folder)
    except ClintlError as error:
        write_json(folder / "error.json", {"error": str(error)})
        sys.exit(1)
    write_json(folder / "result.json", result)


if __name__ == "__main__":
    main(sys.argv[1])
