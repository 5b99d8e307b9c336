"""torch in the processes of `nlp.pipe(n_process=…)`."""

import os

import torch

# They are forked. The threads of torch's pool do not exist in the child, which would wait for them
# forever; and with one thread each, the processes do not fight over the cores.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
