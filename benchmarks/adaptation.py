"""Masked-language modelling beside a plain loop of transformers: word pieces a second.

    python -m spacy project run base
    python benchmarks/adaptation.py models/base assets/corpus/raw.en.jsonl.gz

The plain loop is that of transformers' example `run_mlm.py`: texts joined and cut to blocks, its
Trainer and its collator, the vocabulary computed at every position, full precision. Both train the
same encoder on the same text, with as many blocks of the same length in a batch. They take turns of
a few steps, so that a busy machine slows both; the ratios are medians over the turns.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from transformers import (
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from wasabi import msg

from spacy_clintl.adaptation.blocks import BlockOrder, Blocks, read_pieces, write_pieces
from spacy_clintl.adaptation.masked_lm import MaskingCollator, autocasting, load_masked_lm
from spacy_clintl.adaptation.processes import Processes
from spacy_clintl.adaptation.training import train_stage
from spacy_clintl.adaptation.watching import TrainingLog, Watch
from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.data.raw import read_texts
from spacy_clintl.models.encoder import check_encoder_folder
from spacy_clintl.models.precision import autocast_dtype
from spacy_clintl.util import quiet_transformers


class Clock(TrainerCallback):
    """Times steps from end to end, batches included; the first of a turn does not count."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.ends.append(time.perf_counter())

    def seconds_a_step(self) -> float:
        """RETURNS (float): The mean over the turn's other steps."""
        return (self.ends[-1] - self.ends[0]) / (len(self.ends) - 1)


def group_texts(texts: Sequence[str], tokenizer: Any, length: int) -> list[dict[str, list[int]]]:
    """Join and cut texts as the example does: by 1,000 of them, what is left over is dropped."""
    groups = []
    for start in range(0, len(texts), 1000):
        found = tokenizer(list(texts[start : start + 1000]), return_special_tokens_mask=True)
        joined = {key: list(chain(*values)) for key, values in found.items()}
        total = len(joined["input_ids"]) // length * length
        groups += [
            {key: values[i : i + length] for key, values in joined.items()}
            for i in range(0, total, length)
        ]
    return groups


def plain_turn(base: Path, blocks: list[Any], tokenizer: Any, batch: int) -> Callable:
    """Make a function that trains for some steps as the example does, and returns a clock."""
    model, _ = load_masked_lm(base)

    def turn(steps: int, number: int, folder: Path) -> Clock:
        clock = Clock()
        arguments = TrainingArguments(
            output_dir=str(folder),
            max_steps=steps,
            per_device_train_batch_size=batch,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            seed=number,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=blocks,
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        return clock

    return turn


def own_turn(base: Path, blocks: Blocks, tokenizer: Any, batch: int, precision: str) -> Callable:
    """Make a function that trains for some steps as `spacy clintl adapt` does."""
    model, _ = load_masked_lm(base)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    context = autocasting(device, autocast_dtype(precision, device.type))
    collator = MaskingCollator(tokenizer, mlm_probability=0.15)

    def turn(steps: int, number: int, folder: Path) -> Clock:
        clock, pieces = Clock(), batch * blocks.length
        values = {"first": number * steps, "pieces_a_step": pieces, "processes": Processes()}
        train_stage(
            model,
            BlockOrder(blocks, first=number * steps * batch, count=steps * batch, seed=0),
            collator,
            folder,
            processes=Processes(),
            arguments={"max_steps": steps, "per_device_train_batch_size": batch},
            context=context,
            what="encoder",
            tell=lambda line: None,
            watch=Watch(TrainingLog(folder / "log"), stage="", measure=lambda: None, **values),
            callbacks=[clock],
        )
        return clock

    return turn


def main(
    base: Annotated[Path, typer.Argument(help="Folder of the encoder", exists=True)],
    text: Annotated[Path, typer.Argument(help="Raw text, as for `adapt`", exists=True)],
    batch: Annotated[int, typer.Option(help="Blocks in a batch")] = 32,
    length: Annotated[int, typer.Option(help="Word pieces in a block")] = 128,
    steps: Annotated[int, typer.Option(help="Steps of a turn; the first does not count")] = 6,
    turns: Annotated[int, typer.Option(help="Turns of each")] = 5,
) -> None:
    """Compare, and print word pieces a second and ratios."""
    check_encoder_folder(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    set_seed(0)
    with tempfile.TemporaryDirectory() as name, quiet_transformers():
        folder = Path(name)
        write_pieces([text], tokenizer, folder, held_out=0.0, seed=0)
        blocks = Blocks(read_pieces(folder)[0], tokenizer, length)
        plain = group_texts([raw.text for raw in read_texts([text])], tokenizer, length)
        ways = {
            "run_mlm.py": plain_turn(base, plain, tokenizer, batch),
            "adapt, fp32": own_turn(base, blocks, tokenizer, batch, "fp32"),
            "adapt, auto": own_turn(base, blocks, tokenizer, batch, "auto"),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(turns):
            for way, turn in ways.items():
                clock = turn(steps, number, folder / f"{number}-{way}")
                seconds[way].append(clock.seconds_a_step())
    first, *_ = seconds.values()
    rows = []
    for way, own in seconds.items():
        speeds = sorted(batch * length / one for one in own)
        ratio = statistics.median(plain / one for plain, one in zip(first, own))
        span = f"{speeds[0]:,.0f} to {speeds[-1]:,.0f}"
        rows.append((way, f"{statistics.median(speeds):,.0f}", span, f"{ratio:.2f}"))
    msg.table(rows, header=("", "word pieces/s", "", "ratio"), divider=True, aligns=("l", *"rrr"))


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
