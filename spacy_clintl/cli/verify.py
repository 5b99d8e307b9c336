from pathlib import Path
from typing import Annotated

import typer

from ._app import command


@command("verify")
def verify_cli(
    packages: Annotated[
        list[Path],
        typer.Argument(
            metavar="WHEEL…", help="The pipeline's wheel, and the plugin's wheel or source folder"
        ),
    ],
    note: Annotated[Path, typer.Option("--note", help="A text file with one note to run")],
    constraints: Annotated[Path | None, typer.Option("--constraints", "-c", help="For pip")] = None,
    wheels_from: Annotated[
        list[Path] | None, typer.Option("--wheels-from", help="Folders of further wheels")
    ] = None,
    outside: Annotated[
        list[Path] | None,
        typer.Option("--outside", help="Folders it must not read [default: the current one]"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file for the result")
    ] = None,
) -> None:
    """Install a packaged pipeline into a new environment and run it there without a network."""
    from wasabi import msg

    from ..deploy.verify import verify
    from ..errors import ClintlError, Errors
    from ..util import write_json

    # The note is read here: where the pipeline runs, this folder is out of reach.
    if not note.exists():
        raise ClintlError(Errors.CL100.format(path=note))
    try:
        text = note.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text.strip():
        raise ClintlError(Errors.CL526.format(path=note))
    result = verify(
        packages,
        text,
        constraints=constraints,
        wheels_from=wheels_from or (),
        outside=outside or [Path.cwd()],
    )
    rows = [
        ("pipes", ", ".join(result["pipes"])),
        ("tokens", f"{result['tokens']:,}"),
        *((f"entity {label}", f"{n:,}") for label, n in result["entities"].items()),
        *(
            (f"task {task}", f"{best['label']} {best['score']:.3f}")
            for task, best in result["categories"].items()
        ),
        ("network blocked by", result["network"]),
        ("seconds", f"load {result['load_seconds']}, run {result['run_seconds']}"),
    ]
    msg.table(rows)
    if output is not None:
        write_json(output, result)
    place = f", result in {output}" if output is not None else ""
    msg.good(f"{result['name']} {result['version']} runs in a new environment{place}")
