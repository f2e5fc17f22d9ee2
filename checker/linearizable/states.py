"""A model's states as people read them."""

from __future__ import annotations

from checker.models import Entry, State
from checker.phrases import show

_LONGEST = 60


def name_state(state: State) -> str:
    """A state in a line, cut short where it is long.

    >>> name_state(None), name_state(("a", ("json", "true"))), name_state(frozenset({2, 1}))
    ('nothing', '["a", true]', '{1, 2}')
    >>> name_state((Entry("x", 1), Entry("y", "b")))
    '[x: 1, y: "b"]'
    """
    text = full_name(state)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def full_name(state: State) -> str:
    """A state, whole: different ones have different names, in any process."""
    if isinstance(state, Entry):
        key = state.key if isinstance(state.key, str) else full_name(state.key)
        return f"{key}: {full_name(state.value)}"
    if isinstance(state, tuple) and len(state) == 2 and state[0] == "json":
        return str(state[1])  # the identity of a value that is no plain int or string
    if isinstance(state, tuple):
        return f"[{', '.join(map(full_name, state))}]"
    if isinstance(state, frozenset):
        return f"{{{', '.join(sorted(map(full_name, state)))}}}"
    if state is None or isinstance(state, (int, float)):
        return show(state)
    return f'"{state}"' if isinstance(state, str) else repr(state)
