"""A history of some keys only, with every row at its place."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np

from checker.history import NOBODY, History
from checker.values import canonical
from harness.errors import UsageError

_MOST_TOLD = 10


def key_name(key: object) -> str:
    """A key as it is typed: strings as they are, anything else as JSON.

    >>> key_name("x"), key_name(3), key_name([1])
    ('x', '3', '[1]')
    """
    return key if isinstance(key, str) else canonical(key)


def only_keys(history: History, keys: tuple[str, ...]) -> History:
    """The clients' ops of these keys; the other rows stay, so that numbers of rows mean the same.

    Raises UsageError, with the keys there are, for one that no op has.
    """
    names = ["" if key is None else key_name(key) for key in history.key]
    there = dict.fromkeys(
        name for name, process in zip(names, history.process, strict=True) if process >= 0
    )
    for key in keys:
        if key not in there:
            known = ", ".join(name or "none" for name in islice(there, _MOST_TOLD))
            more = ", ..." if len(there) > _MOST_TOLD else ""
            raise UsageError(f"no op has the key {key!r}: there are {known or 'no ops'}{more}")
    chosen = np.isin(np.array(names, object).astype(str), keys) | (history.process < 0)
    return replace(history, process=np.where(chosen, history.process, NOBODY))
