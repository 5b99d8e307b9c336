import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import typer
from wasabi import msg

from ..errors import ClintlError, Errors

app = typer.Typer(
    name="clintl",
    help="Clinical encoders: fetch, adapt, tune for several tasks, transfer, evaluate.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def command(name: str, of: typer.Typer = app, **settings: Any) -> Callable:
    """Register a function as `spacy clintl NAME`; its errors end as lines (`own_errors_as_lines`).

    name (str): The command's name.
    of (Typer): The group that it belongs to.
    settings (Any): What Typer's own decorator takes besides.
    RETURNS (Callable): A decorator that gives the function back unchanged, so that Python code
        and tests call it directly and see the error itself.
    """

    def register(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*args, **kwargs):
            with own_warnings_as_lines(), own_errors_as_lines():
                return function(*args, **kwargs)

        of.command(name, **settings)(run)
        return function

    return register


@contextmanager
def own_errors_as_lines() -> Iterator[None]:
    """End the process with one line, exit status 1, where an error is for the user.

    Such are ClintlErrors, and files that cannot be read or written. Others are left alone.
    """
    try:
        yield
    except ClintlError as error:
        msg.fail(str(error), exits=1)
    except OSError as error:
        # Whatever reads or writes may find no file, no rights, no space.
        if error.filename is None:
            raise
        msg.fail(Errors.CL101.format(path=error.filename, reason=error.strerror), exits=1)


@contextmanager
def own_warnings_as_lines() -> Iterator[None]:
    """Print our own warnings as a line of the command, without the line of code behind them.

    Warnings of others look as ever.
    """
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message, category, filename, lineno, file=None, line=None):
            if str(message).startswith("[CW"):
                msg.warn(str(message))
            else:
                others(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def show_own_errors() -> None:
    """Let an uncaught ClintlError end the process as one line, exit status 1.

    `spacy train`, `spacy evaluate` and other commands of spaCy run our components, and print a
    traceback for any error but those of config validation. All other errors are left alone.
    """
    others = sys.excepthook

    def hook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, ClintlError):
            msg.fail(str(error))
        else:
            others(kind, error, traceback)

    sys.excepthook = hook
