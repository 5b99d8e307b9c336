"""One run in several processes, as `torchrun` and `accelerate launch` start them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from ..errors import ClintlError, Errors

# Processes wait for the main one while it reads and tokenises text, however much that is.
PATIENCE = timedelta(days=7)
# What accelerate takes from the environment, where `accelerate launch` and others put it, and what
# goes before a run's own settings or changes how its processes work together.
OVERRIDING = (
    "ACCELERATE_MIXED_PRECISION",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS",
    "ACCELERATE_DYNAMO_BACKEND",
    "ACCELERATE_USE_DEEPSPEED",
    "ACCELERATE_USE_FSDP",
    "ACCELERATE_USE_MEGATRON_LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG",
)


@dataclass(frozen=True)
class Processes:
    """This process among those of a run; everything here is at once done if it is the only one.

    All processes see one file system. The main process writes, tells and measures.

    index (int): This process' number, 0 for the main one.
    count (int): How many there are.
    group (Optional[ProcessGroup]): What they talk through on the CPU, whatever they train on.
    """

    index: int = 0
    count: int = 1
    group: Any = None

    @property
    def is_main(self) -> bool:
        """RETURNS (bool): Whether this is the main process."""
        return self.index == 0

    def share(self, value: Any) -> Any:
        """RETURNS (Any): The main process' value, in all of them."""
        if self.count == 1:
            return value
        box = [value if self.is_main else None]
        distributed.broadcast_object_list(box, src=0, group=self.group)
        return box[0]

    def add(self, value: float) -> float:
        """RETURNS (float): The sum of all processes' values, in all of them."""
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        distributed.all_reduce(total, group=self.group)
        return float(total)

    def wait(self) -> None:
        """Wait until all processes have come here."""
        self.add(0.0)

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Let the others begin with the block's work when the main process is through with it.

        RAISES (ClintlError): In the others, when it has failed in the main one.
        """
        if not self.is_main and not self.share(None):
            raise ClintlError(Errors.CL454)
        done = False
        try:
            yield
            done = True
        finally:
            if self.is_main:
                self.share(done)


@contextmanager
def own_settings_only() -> Iterator[None]:
    """Let a run's own settings decide, whatever the environment says to accelerate."""
    before = {name: os.environ.pop(name, None) for name in OVERRIDING}
    try:
        yield
    finally:
        for name, value in before.items():
            # transformers sets some of them, too.
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the other processes of a run, if there are any.

    YIELDS (Processes): This one among them.
    """
    from accelerate import PartialState

    own = not distributed.is_initialized()
    PartialState._reset_state()
    state = PartialState(cpu=not torch.cuda.is_available())
    if state.num_processes == 1:
        yield Processes()
        return
    group = distributed.new_group(backend="gloo", timeout=PATIENCE)
    yield Processes(state.process_index, state.num_processes, group)
    # Not after an error: others may still wait, and must be ended from outside.
    if own:
        distributed.destroy_process_group()
        PartialState._reset_state()
