"""Names to things: the tables of what ships with us, and ``package.module:attribute`` of the user's own."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Mapping
from functools import cache

from harness.errors import UsageError


@cache
def resolved(place: str) -> object:
    """The thing at an import string. Kept: a campaign asks for the same few with each trial."""
    return pkgutil.resolve_name(place)


def find(what: str, table: Mapping[str, str], name: str) -> object:
    """The thing that ``name`` means: a row of the table, or an import string.

    Raises UsageError, with the nearest name, if it is neither or cannot be imported.
    """
    if name in table:
        return resolved(table[name])
    if ":" not in name:
        raise UsageError(f"no {what} is called {name!r}{nearest(name, table)}")
    try:
        return resolved(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{what} {name!r} cannot be imported: {error}") from error


def nearest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """``: did you mean ...?`` with the nearest names, else all of them.

    >>> nearest("epaxso", ["abd", "epaxos"])
    ': did you mean epaxos?'
    """
    if close := difflib.get_close_matches(name, known, n=3, cutoff=0.6):
        return f": did you mean {' or '.join(close)}?"
    return f": there are {', '.join(sorted(known))}"
