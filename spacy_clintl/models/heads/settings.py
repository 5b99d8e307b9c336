"""Settings of heads: one message for all that cannot be."""

from typing import Any

from ...errors import ClintlError, Errors


def require(head: str, setting: str, value: Any, valid: bool, expected: str) -> None:
    """Complain about a setting that is not valid.

    head (str): The architecture's name.
    setting (str): The setting's name.
    value (Any): What it is set to.
    valid (bool): Whether that will do.
    expected (str): What it must be.
    RAISES (ClintlError): If not.
    """
    if not valid:
        raise ClintlError(
            Errors.CL347.format(head=head, setting=setting, value=value, expected=expected)
        )


def require_positive(head: str, **settings: Any) -> None:
    """Complain about settings that are not whole numbers above 0."""
    for setting, value in settings.items():
        valid = isinstance(value, int) and not isinstance(value, bool) and value > 0
        require(head, setting, value, valid, "a whole number above 0")


def require_dropout(head: str, dropout: Any) -> None:
    """Complain about a dropout rate that is none."""
    valid = isinstance(dropout, int | float) and not isinstance(dropout, bool) and 0 <= dropout < 1
    require(head, "dropout", dropout, valid, "a number from 0 to below 1")
