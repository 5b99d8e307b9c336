import json
import subprocess
import sys
import textwrap
import zipfile

import pytest
import spacy
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.deploy.verify import pipeline_in_wheel, run_check, verify
from spacy_clintl.errors import ClintlError

NOTE = "Herr Geheim has fever and fever."


def make_pipeline(folder, patterns=(("SIGN", "fever"),)):
    nlp = spacy.blank("en", meta={"name": "check", "version": "0.1.0"})
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": text} for label, text in patterns])
    nlp.to_disk(folder)
    return folder


def check(tmp_path, code, *, outside=None):
    """Run the check on a package whose load() does what `code` says."""
    (tmp_path / "work").mkdir()
    model = make_pipeline(tmp_path / "work" / "model")
    package = tmp_path / "work" / "wrapped"
    package.mkdir()
    body = textwrap.indent(textwrap.dedent(code), "    ")
    (package / "__init__.py").write_text(
        "import os, socket, spacy\n"
        f"OUTSIDE = {str(tmp_path / 'outside')!r}\n"
        f"def load(**kwargs):\n    nlp = spacy.load({str(model)!r})\n{body}\n    return nlp\n"
    )
    info = tmp_path / "work" / "wrapped-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wrapped\nVersion: 1.0\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "weights").write_text("w")
    # Isolated mode sees neither PYTHONPATH nor the folder: put it on the path in the interpreter.
    python = tmp_path / "python"
    start = f"import sys, runpy; sys.path.insert(0, {str(tmp_path / 'work')!r}); "
    python.write_text(
        f'#!/bin/sh\nexec {sys.executable} -I -c "{start}'
        'runpy.run_path(sys.argv[2], run_name=\'__main__\')" "$@"\n'
    )
    python.chmod(0o755)
    return run_check(
        python, "wrapped", NOTE, outside=outside or [tmp_path / "outside"], folder=tmp_path / "work"
    )


def test_the_result_holds_labels_and_offsets_but_no_text(tmp_path):
    result = check(
        tmp_path,
        """
        from spacy.language import Language
        @Language.component("cats")
        def cats(doc):
            doc.cats = {"a/x/y": 0.25, "a/z": 0.75, "b/u": 0.5, "plain": 0.1}
            return doc
        nlp.add_pipe("cats")
        """,
    )
    assert result["pipes"] == ["entity_ruler", "cats"]
    assert result["entities"] == {"SIGN": 2}
    assert result["offsets"] == [[16, 21, "SIGN"], [26, 31, "SIGN"]]
    assert result["categories"]["a"] == {"label": "z", "score": 0.75}
    assert result["categories"]["b"] == {"label": "u", "score": 0.5}
    assert result["network"] in ("audit hook", "namespace and audit hook")
    assert "Geheim" not in json.dumps(result)


def test_forbidden_reads_and_connections_count_also_where_errors_are_swallowed(tmp_path):
    with pytest.raises(ClintlError, match="CL527") as caught:
        check(
            tmp_path,
            """
            os.symlink(OUTSIDE, "link")
            for attempt in (
                lambda: open("link/weights"),
                lambda: os.listdir(OUTSIDE),
                lambda: os.scandir(os.fsencode(OUTSIDE)),
                lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
                lambda: socket.socket().connect(("127.0.0.1", 9)),
            ):
                try:
                    attempt()
                except PermissionError:
                    pass
                else:
                    raise SystemExit("was not stopped")
            """,
        )
    message = str(caught.value)
    for what in ("open", "os.listdir", "os.scandir"):
        assert f"{what} {tmp_path / 'outside'}" in message
    assert "socket.connect" in message
    assert "socket.getaddrinfo" in message


def test_the_innermost_folder_decides(tmp_path):
    # The working folder lies in the forbidden one, as an environment made in a project would.
    assert check(tmp_path, "pass", outside=[tmp_path])["entities"] == {"SIGN": 2}


def test_an_error_on_loading_shows_its_last_lines(tmp_path):
    with pytest.raises(ClintlError, match=r"CL525.*loading[\s\S]*no such weights"):
        check(tmp_path, "raise OSError('no such weights')")


def test_an_error_on_the_note_does_not_show_its_text(tmp_path):
    with pytest.raises(ClintlError, match=r"CL525.*running the note[\s\S]*RuntimeError") as caught:
        check(
            tmp_path,
            """
            from spacy.language import Language
            @Language.component("bad")
            def bad(doc):
                raise RuntimeError(doc.text)
            nlp.add_pipe("bad")
            """,
        )
    assert "Geheim" not in str(caught.value)


def wheel(path, files):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def test_the_pipeline_is_found_in_its_wheel(tmp_path):
    files = {
        "en_x/__init__.py": "",
        "en_x/meta.json": '{"version": "2.0"}',
        "en_x-2.0/meta.json": "",
    }
    assert pipeline_in_wheel(wheel(tmp_path / "a.whl", files)) == ("en_x", "2.0")
    assert pipeline_in_wheel(wheel(tmp_path / "b.whl", {"lib/__init__.py": ""})) is None
    (tmp_path / "source").mkdir()
    with pytest.raises(ClintlError, match="CL523"):
        pipeline_in_wheel(tmp_path / "source")
    (tmp_path / "source" / "pyproject.toml").write_text("")
    assert pipeline_in_wheel(tmp_path / "source") is None


def test_wrong_arguments(tmp_path):
    plain = wheel(tmp_path / "b.whl", {"lib/__init__.py": ""})
    with pytest.raises(ClintlError, match="CL100"):
        verify([tmp_path / "none.whl"], NOTE)
    with pytest.raises(ClintlError, match="CL100"):
        verify([plain], NOTE, constraints=tmp_path / "none.txt")
    with pytest.raises(ClintlError, match=r"CL524.*0 of"):
        verify([plain], NOTE)
    (tmp_path / "note.txt").write_text(" \n")
    result = CliRunner().invoke(app, ["verify", str(plain), "--note", str(tmp_path / "note.txt")])
    assert result.exit_code == 1
    assert "CL526" in result.output


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_packaged_pipeline_in_a_new_environment(tmp_path):
    model = make_pipeline(tmp_path / "model")
    command = [sys.executable, "-m", "spacy", "package", str(model), str(tmp_path), "--build"]
    subprocess.run([*command, "wheel", "--force"], check=True, capture_output=True)
    [built] = tmp_path.glob("*/dist/*.whl")
    note, output = tmp_path / "note.txt", tmp_path / "result.json"
    note.write_text(NOTE)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"spacy=={spacy.__version__}\n")
    result = CliRunner().invoke(
        app,
        [
            *("verify", str(built), "--note", str(note), "--constraints", str(constraints)),
            *("--outside", str(tmp_path), "--output", str(output)),
        ],
    )
    assert result.exit_code == 0, result.output
    data = json.loads(output.read_text())
    assert (data["name"], data["version"]) == ("en_check", "0.1.0")
    assert data["entities"] == {"SIGN": 2}
    assert "Geheim" not in output.read_text() + result.output
    constraints.write_text("spacy==0.0.1\n")
    with pytest.raises(ClintlError, match=r"CL525.*installing"):
        verify([built], NOTE, constraints=constraints)
