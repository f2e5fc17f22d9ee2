"""What clients asked for and how it ended, as columns: what most checks of a trial ask of a history first.

Checks that are made for millions of rows take the few columns that they need themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checker.history import INFO, INVOKE, History, once
from checker.values import Ints
from checker.windows import last_ns

NO_NODE = -1


@dataclass(frozen=True)
class Asked:
    """One entry for each op of a client, in order of invocation.

    ``invoked`` and ``completed`` are rows (-1: it never was), ``fate`` the completion's type (INFO
    where there is none). Times are in ns; an op that never completed ends with the history. ``node`` is
    the one that was asked, or ``NO_NODE`` where the row does not say.
    """

    invoked: Ints
    completed: Ints
    fate: NDArray[np.int8]
    begin_ns: Ints
    end_ns: Ints
    node: Ints

    def __len__(self) -> int:
        return len(self.invoked)

    def take(self, keep: NDArray[np.bool_]) -> Asked:
        return Asked(
            invoked=self.invoked[keep],
            completed=self.completed[keep],
            fate=self.fate[keep],
            begin_ns=self.begin_ns[keep],
            end_ns=self.end_ns[keep],
            node=self.node[keep],
        )


@once
def asked(history: History) -> Asked:
    """Looked for once in each history."""
    invoked = np.flatnonzero((history.type == INVOKE) & (history.process >= 0))
    completed = history.partner[invoked]
    ended = completed >= 0
    nodes, known = history.node.as_ints()
    return Asked(
        invoked=invoked,
        completed=completed,
        fate=np.where(ended, history.type[completed], np.int8(INFO)),
        begin_ns=history.time_ns[invoked],
        end_ns=np.where(ended, history.time_ns[completed], last_ns(history)),
        node=np.where(known, nodes, NO_NODE)[invoked],
    )
