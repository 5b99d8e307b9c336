"""A console logger that shows the loss of each task on a line of its own."""

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import IO, Any

from spacy.language import Language
from spacy.training.loggers import console_logger_v3
from tqdm import tqdm

from .iob_ner import IobEntityRecognizer
from .multitask_textcat import MultiTaskTextCategorizer

# Components that weigh the losses of their tasks.
Weighing = MultiTaskTextCategorizer | IobEntityRecognizer
LogStep = Callable[[dict[str, Any] | None], None]
Logger = Callable[..., tuple[LogStep, Callable[[], None]]]


def make_console_logger_v1(
    progress_bar: str | None = None,
    console_output: bool = True,
    output_file: str | None = None,
) -> Logger:
    """Create the logger.

    It prints the table of `spacy.ConsoleLogger.v3`, which has one loss a component, and below each
    of its rows the losses of the tasks, named 'component/task'. They are sums since the last row,
    before they are multiplied by the tasks' weights. Where the setting `weighting` changes these in
    training, they stand behind the losses as they are now; an `iob_ner` gets a line then, too.

    progress_bar (Optional[str]): As of `spacy.ConsoleLogger.v3`: "train", "eval" or None.
    console_output (bool): Whether to print.
    output_file (Optional[str]): A JSON lines file for the rows, with the losses of tasks among
        those of components. A file that exists is left alone.
    RETURNS (Callable): Sets the logger up for a pipeline.
    """
    table = console_logger_v3(progress_bar, console_output)
    rows = console_logger_v3(None, False, output_file)

    def setup(
        nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr
    ) -> tuple[LogStep, Callable[[], None]]:
        # To the file's logger a task is one more component.
        pipeline = [*nlp.pipeline, *_task_losses(nlp)]
        write_row, close_file = rows(
            SimpleNamespace(pipeline=pipeline, config=nlp.config), stdout, stderr
        )
        write_table, close_table = table(nlp, stdout, stderr)
        lines = list(_lines(nlp)) if console_output else []
        width = max((len(name) for name, _ in lines), default=0)

        def log_step(info: dict[str, Any] | None) -> None:
            write_table(info)
            write_row(info)
            for name, component in lines if info is not None else ():
                line = f"  {name:<{width}}  {float(info['losses'][name]):.4f}"
                if component.weighting.changes:
                    line += f"  weight {component.task_weights[name]:.4f}"
                # `write` of tqdm does not tear a progress bar.
                tqdm.write(line, file=stdout)
            stdout.flush()

        def finalize() -> None:
            close_table()
            close_file()

        return log_step, finalize

    return setup


def _task_losses(nlp: Language) -> Iterator[tuple[str, MultiTaskTextCategorizer]]:
    for _, component in nlp.pipeline:
        if isinstance(component, MultiTaskTextCategorizer):
            for task in component.tasks:
                yield component.loss_name(task), component


def _lines(nlp: Language) -> Iterator[tuple[str, Weighing]]:
    yield from _task_losses(nlp)
    for name, component in nlp.pipeline:
        if isinstance(component, IobEntityRecognizer) and component.weighting.changes:
            yield name, component
