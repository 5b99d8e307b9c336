"""Where public corpora lie, if they do: beside the checkout, or in the folder CLINTL_DATA names."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("CLINTL_DATA") or Path(__file__).parents[2] / "shared" / "data")
needs_data = pytest.mark.skipif(
    not (DATA / "bc5cdr").exists(), reason="no public corpora: CLINTL_DATA names their folder"
)
