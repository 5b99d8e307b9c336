"""A document of 50,000 tokens trains and is predicted in bounded memory, and is seen as a whole."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.long_document import HEADS

TOKENS = 50_000
# Above what the process takes once a short document has gone through everything.
BOUND = 800 * 2**20


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
def test_long_document(tmp_path):
    found = run(tmp_path, TOKENS)
    assert found["training"] < BOUND
    assert found["prediction"] < BOUND
    assert all(math.isfinite(value) for value in found["losses"].values())
    # All heads, both taggers and the encoder.
    assert all(all(changed) for changed in found["learned"].values())
    assert found["tags"] == [TOKENS, TOKENS]
    assert len(found["cats"]) == 2 * len(HEADS)
    assert all(math.isfinite(value) for value in found["cats"].values())
    for task, parts in found["seen"].items():
        assert parts == (["beginning"] if task == "first" else ["beginning", "middle", "end"]), task


def run(folder, n_tokens):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.pipeline.long_document", str(folder), str(n_tokens)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
