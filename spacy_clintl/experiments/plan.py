"""The plan of an experiment: one YAML file, and the runs that follow from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import ClintlError, Errors


@dataclass(frozen=True)
class Settings:
    """What all runs of a plan have in common.

    epochs (int): Passes of each pipeline over its own training documents. In the plan either one
        number, or a table by size with 'default' for the others.
    evaluations (int): Points of the learning curve; the last one is the end of training.
    curve_documents (int): Documents of each dev corpus that they use; 0 is all. The end score
        always uses all.
    warmup (float): The share of the updates in which the learning rate rises, where the config's
        schedule has `warmup_steps`.
    """

    epochs: int = 5
    evaluations: int = 2
    curve_documents: int = 200
    warmup: float = 0.1


@dataclass(frozen=True)
class DataSet:
    """One corpus of a plan.

    train, dev (Path): .spacy files or folders, as `spacy clintl convert` writes them: categories
        in `doc.cats` as 'task/label', entities in `doc.ents`. '{seed}' in a path stands for the
        seed: with cross-validation each seed has a fold of its own.
    score (str): The headline score, such as 'cats_hoc_macro_f' or 'ents_f'.
    component (str): The component that learns it.
    task (str | None): The task of a classification corpus; None is an entity corpus.
    further (dict[str, Path]): More dev documents by names of their own, on which every run of the
        corpus is scored as well.
    epochs (dict[float | None, int]): Its passes by size, where they are not those of the plan's
        settings; None stands for every other size.
    form (Path | None): The training documents as a variant reads them, one by one the same: their
        translations. Which of them are drawn is decided by `train`.
    also (tuple[Path, ...]): What a variant trains on besides, all of it.
    through (dict[str, Any] | None): Settings of a `translation_transfer` around the trained
        pipeline, which then is applied to the dev documents.
    is_auxiliary (bool): Whether a variant trains on it for the sake of the others: on all of it,
        whatever the size of a run, with scores that no comparison reads.
    """

    name: str
    train: Path
    dev: Path
    score: str
    component: str
    task: str | None = None
    further: dict[str, Path] = field(default_factory=dict)
    epochs: dict[float | None, int] = field(default_factory=dict)
    form: Path | None = None
    also: tuple[Path, ...] = ()
    through: dict[str, Any] | None = None
    is_auxiliary: bool = False


@dataclass(frozen=True)
class Variant:
    """One kind of pipeline to compare.

    config (Path): The training config. Components and tasks that a run's corpora do not name are
        taken out of it.
    overrides (dict[str, Any]): Values of the config by dotted names.
    groups (tuple[tuple[str, ...], ...]): Which corpora go into one pipeline.
    components (dict[str, str]): Components by corpus, where they are not those of the corpora.
    sizes (tuple[float, ...]): See `Plan`.
    seeds (dict[float, tuple[int, ...]]): The seeds of each size.
    epochs (dict[float, int]): Of its sizes, where they are not those of the plan's settings.
    start (str | None): What to go on from, `paths.start` of the config: a variant that stands
        before this one, of which the pipeline of the same seed is taken, of the same size or of its
        only one, and of the same corpora or of more; or the folder of a trained pipeline. With size
        0 and nothing else to train on, or no epoch, it is scored as it is.
    beside (str | None): A variant, or the folder of a pipeline, found as `start` is. Its pipeline
        reads the documents as they are; to the entities it finds, the variant's own adds what it
        finds through a translation.
    form, also, through (dict): By corpus, see `DataSet`.
    auxiliary (tuple[str, ...]): Corpora of its groups, see `DataSet.is_auxiliary`.
    keep (tuple[str, ...]): Components of the config that stay, with all of their tasks, though no
        corpus names them: they learn what the documents have besides, and are not scored.
    """

    name: str
    config: Path
    overrides: dict[str, Any]
    groups: tuple[tuple[str, ...], ...]
    components: dict[str, str]
    sizes: tuple[float, ...]
    seeds: dict[float, tuple[int, ...]]
    epochs: dict[float, int] = field(default_factory=dict)
    start: str | None = None
    beside: str | None = None
    form: dict[str, str] = field(default_factory=dict)
    also: dict[str, tuple[str, ...]] = field(default_factory=dict)
    through: dict[str, dict[str, Any]] = field(default_factory=dict)
    auxiliary: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A whole experiment. Sizes of at most 1 are shares of a corpus, others are documents; with 0
    a corpus itself is not trained on.

    settings (dict[float, Settings]): The settings of each size: less data may want more epochs.
    """

    path: Path
    settings: dict[float, Settings]
    corpora: dict[str, DataSet]
    variants: dict[str, Variant]


@dataclass(frozen=True)
class Cell:
    """One run: a variant trained on a group of corpora at one size with one seed.

    start (Cell | Path | None): The run, or the folder of the pipeline, that it goes on from.
    beside (Cell | Path | None): That whose entities its own are added to.
    """

    variant: Variant
    corpora: tuple[DataSet, ...]
    size: float
    seed: int
    settings: Settings = Settings()
    all_corpora: tuple[DataSet, ...] = field(repr=False, default=())
    start: "Cell | Path | None" = field(repr=False, default=None)
    beside: "Cell | Path | None" = field(repr=False, default=None)

    @property
    def name(self) -> str:
        """RETURNS (str): Such as 'single/hoc/0.1/seed-0'."""
        corpora = "+".join(corpus.name for corpus in self.corpora)
        return f"{self.variant.name}/{corpora}/{self.size:g}/seed-{self.seed}"

    @property
    def trains(self) -> bool:
        """RETURNS (bool): Whether there is anything to train on."""
        if not self.settings.epochs:
            return False
        return any(self.size_of(corpus) > 0 or corpus.also for corpus in self.corpora)

    def size_of(self, corpus: DataSet) -> float:
        """Say how much of a corpus is trained on.

        corpus (DataSet): One of the run's.
        RETURNS (float): The size.
        """
        return 1.0 if corpus.is_auxiliary else self.size

    @property
    def needs(self) -> "list[Cell]":
        """RETURNS (list[Cell]): The runs whose pipelines it takes."""
        return [cell for cell in (self.start, self.beside) if isinstance(cell, Cell)]


def cells_of(plan: Plan) -> Iterator[Cell]:
    """List the runs of a plan, small sizes first: first results soon, long runs last.

    plan (Plan): The plan.
    YIELDS (Cell): The runs, each behind those that it needs.
    """
    everything = tuple(plan.corpora.values())
    cells: dict[tuple, Cell] = {}
    for variant in plan.variants.values():
        for size in variant.sizes:
            for seed in variant.seeds[size]:
                for group in variant.groups:
                    cells[variant.name, group, size, seed] = Cell(
                        variant,
                        tuple(_for_run(plan.corpora[name], variant, seed) for name in group),
                        size,
                        seed,
                        _settings_of(plan, variant, group, size),
                        everything,
                        _found(plan, variant, variant.start, group, size, seed, cells),
                        _found(plan, variant, variant.beside, group, size, seed, cells),
                    )

    def in_turn(cell: Cell) -> Iterator[Cell]:
        for needed in cell.needs:
            yield from in_turn(needed)
        yield cell

    # Shares, then numbers of documents, and last the whole.
    order = sorted(
        cells.values(), key=lambda cell: (cell.size == 1, cell.size > 1, cell.size, cell.seed)
    )
    done: set[str] = set()
    for chosen in order:
        for cell in in_turn(chosen):
            if cell.name not in done:
                done.add(cell.name)
                yield cell


def _found(
    plan: Plan,
    variant: Variant,
    name: str | None,
    group: tuple[str, ...],
    size: float,
    seed: int,
    cells: Mapping[tuple, Cell],
) -> Cell | Path | None:
    """Find the run, or the folder, whose pipeline a run takes."""
    if name is None:
        return None
    first = plan.variants.get(name)
    if first is None:
        return Path(name)
    own = size if size in first.sizes else first.sizes[0]
    wider = [other for other in first.groups if set(group) <= set(other)]
    whose = min(wider, key=len, default=group)
    found = cells.get((first.name, whose, own, seed))
    if found is None or (own != size and len(first.sizes) > 1):
        missing = f"{first.name}/{'+'.join(group)}/{size:g}/seed-{seed}"
        raise ClintlError(Errors.CL532.format(path=plan.path, variant=variant.name, name=missing))
    return found


def _for_run(corpus: DataSet, variant: Variant, seed: int) -> DataSet:
    """Say what a variant with a seed makes of a corpus."""

    def path(text: str | Path) -> Path:
        return Path(_filled(str(text), seed, corpus.name))

    form = variant.form.get(corpus.name)
    through = variant.through.get(corpus.name)
    if through is not None and isinstance(through.get("lexicon"), str):
        through = {**through, "lexicon": _filled(through["lexicon"], seed, corpus.name)}
    return replace(
        corpus,
        train=path(corpus.train),
        dev=path(corpus.dev),
        further={name: path(file) for name, file in corpus.further.items()},
        form=None if form is None else path(form),
        also=tuple(path(one) for one in variant.also.get(corpus.name, ())),
        through=through,
        is_auxiliary=corpus.name in variant.auxiliary,
    )


def _settings_of(plan: Plan, variant: Variant, group: tuple[str, ...], size: float) -> Settings:
    settings = plan.settings[size]
    epochs = variant.epochs.get(size)
    if epochs is None:
        # One pipeline for several has as many passes as the one of them that wants most.
        tables = (plan.corpora[name].epochs for name in group)
        epochs = max(table.get(size, table.get(None, settings.epochs)) for table in tables)
    return replace(settings, epochs=epochs)


def _filled(text: str, seed: int, corpus: str) -> str:
    return text.replace("{seed}", str(seed)).replace("{corpus}", corpus)
