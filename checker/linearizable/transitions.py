"""A model's states by number, and its steps between them, each asked for once, in bounded memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from checker.history import Op
from checker.models import Illegal, Model, State

NOT_TRIED, ILLEGAL = -2, -1
_STATE_BYTES = 400
"""Of a state beside what it holds itself: its places in lists and tables."""
_STEP_BYTES = 100


class Crowded(Exception):  # noqa: N818
    """The states that were met fill the memory that they may take."""


class Transitions:
    """``after[state]`` has the states after the ops of each class that were tried, or ILLEGAL."""

    def __init__(self, model: Model, classes: Sequence[Op], most_bytes: int) -> None:
        self.model, self.classes, self.most_bytes = model, classes, most_bytes
        self.keep([model.init])

    def keep(self, states: Iterable[State]) -> None:
        """Forget all but these, which are numbered anew, in this order."""
        self.states: list[State] = []
        self.after: list[dict[int, int]] = []
        self.bytes = 0
        self._numbers: dict[State, int] = {}
        for state in states:
            self.number(state)

    def number(self, state: State) -> int:
        """Raises Crowded for a new state if there are too many."""
        found = self._numbers.get(state)
        if found is None:
            self.bytes += sys.getsizeof(state) + _STATE_BYTES
            if self.bytes > self.most_bytes:
                raise Crowded
            found = self._numbers[state] = len(self.states)
            self.states.append(state)
            self.after.append({})
        return found

    def step(self, state: int, kind: int) -> int:
        """The state after an op of this class, or ILLEGAL. Raises Crowded as ``number`` does."""
        after = self.model.step(self.states[state], self.classes[kind])
        found = ILLEGAL if isinstance(after, Illegal) else self.number(after)
        self.bytes += _STEP_BYTES
        if self.bytes > self.most_bytes:
            raise Crowded
        self.after[state][kind] = found
        return found
