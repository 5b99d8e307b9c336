"""Codes of errors and warnings are unique: a second one would silently replace the first."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from spacy_clintl import errors


@pytest.mark.parametrize("name", ["Errors", "Warnings"])
def test_codes_are_unique(name):
    tree = ast.parse(Path(errors.__file__).read_text(encoding="utf-8"))
    [found] = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == name]
    codes = Counter(
        target.id
        for line in found.body
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    )
    assert codes
    assert [code for code, n in codes.items() if n > 1] == []
