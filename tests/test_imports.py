"""The direction of imports, and what spaCy loads at start-up."""

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

import spacy_clintl

PACKAGE = Path(spacy_clintl.__file__).parent
LEVELS = [
    {"about", "errors", "types", "util", "compat", "pairs", "locks"},
    {"data", "models", "evaluation"},
    {"translation"},
    {"pipeline"},
    {"adaptation", "experiments", "explain", "deploy"},
    {"cli"},
]
ROOMS = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def imports_of(path):
    """Yield the absolute names of modules that a file imports, anywhere in it."""
    parts = ["spacy_clintl", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_imports_run_one_way(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    room = parts[0]
    if room == "__init__":
        return
    for name in imports_of(path):
        if room in ("data", "evaluation"):
            assert name.split(".")[0] not in ("torch", "transformers"), name
        if name.startswith("spacy_clintl.") and (other := name.split(".")[1]) in ROOMS:
            assert other == room or ROOMS[other] < ROOMS[room], f"{room} imports {other}"


def entry_points():
    config = configparser.ConfigParser()
    config.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    for group in ("spacy_factories", "spacy_cli", "spacy_scorers", "spacy_readers"):
        for line in config["options.entry_points"][group].strip().splitlines():
            yield line.partition("=")[2].strip()


@pytest.mark.skipif(not (PACKAGE.parent / "setup.cfg").exists(), reason="not in a checkout")
def test_start_up_needs_no_heavy_library():
    code = "import sys\n"
    for name in ("torch", "transformers", "sklearn", "matplotlib", "onnxruntime", "pyspark"):
        code += f"sys.modules['{name}'] = None\n"
    for target in entry_points():
        module, _, name = target.partition(":")
        code += f"from {module} import {name}\n"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)
