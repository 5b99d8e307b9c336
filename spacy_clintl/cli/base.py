from pathlib import Path
from typing import Annotated

import typer

from ._app import command


@command("base")
def base_cli(
    name: Annotated[
        str,
        typer.Argument(help="A folder, an installed package that carries weights, or a hub name"),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write")],
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="SHA-256 that the weights file must have")
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch, tag or commit on the hub")
    ] = None,
) -> None:
    """Fetch a pretrained encoder into a plain folder that later steps read offline."""
    from wasabi import msg

    from ..adaptation.base import fetch_base

    told = fetch_base(name, out, sha256=sha256, revision=revision)
    first = next(iter(told["sha256"].values()))
    msg.good(f"Encoder '{name}' ({told['source']}) in {out}, weights sha256 {first}")
