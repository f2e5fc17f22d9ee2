"""Who sees to it that the members are those that a plan wants: asks, looks, and asks again.

A change of membership needs a majority, a leader, and for some protocols a new member that has caught
up: it may take long, be lost, or be overtaken by the next one. So there is no waiting for an answer.
What is wanted is compared with what the nodes say, as controllers do (Burns, Grant, Oppenheimer,
Brewer, Wilkes, "Borg, Omega, and Kubernetes", ACM Queue 14(1), 2016), at a pace that the
interpreter of the plan keeps. Pure: both interpreters use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from nemesis.actions import Join, Leave, MemberAction
from nemesis.membership import LEAST

Asked: TypeAlias = tuple[str, list[int]]
"""What to ask a node: ``join`` or ``leave``, and ``[node, version]`` (see ``protocols.membership``)."""

TRIES = 2
"""How often the first change that is not so yet is asked for before the next one has its turn."""


class Administrator:
    """What is wanted of each node that a plan has spoken of; the latest word counts.

    >>> admin = Administrator()
    >>> admin.want([Join(3), Leave(0)])
    >>> admin.ask(0, (0, 1, 2)), admin.ask(5, (0, 1, 2, 3)), admin.ask(9, (1, 2, 3))
    (('join', [3, 0]), ('leave', [0, 5]), None)
    """

    def __init__(self) -> None:
        self._wanted: dict[int, MemberAction] = {}
        self._asked = 0

    def want(self, actions: Sequence[MemberAction]) -> None:
        for action in actions:
            self._wanted.pop(action.node, None)
            self._wanted[action.node] = action
        self._asked = 0

    def restore(self, first: Sequence[int], nodes: Sequence[int], dead: Sequence[int] = ()) -> None:
        """Want the first members again: joins come before leaves. Of those that stay dead nothing
        is wanted any more, but that they leave where they do not belong.
        """
        self._wanted.clear()
        self.want([Join(node) for node in first if node not in dead])
        self.want([Leave(node) for node in nodes if node not in first])

    def missing(self, members: Sequence[int]) -> list[MemberAction]:
        """What is wanted and not so, in the order in which it was asked for."""
        return [a for a in self._wanted.values() if (a.node in members) is not isinstance(a, Join)]

    def then(self, members: Sequence[int]) -> tuple[int, ...]:
        """The members as they will be when all that is wanted is so."""
        joining = [n for n, a in self._wanted.items() if isinstance(a, Join) and n not in members]
        leaving = [n for n, a in self._wanted.items() if isinstance(a, Leave)]
        return tuple(sorted(n for n in (*members, *joining) if n not in leaving))

    def ask(self, version: int, members: Sequence[int]) -> Asked | None:
        """What to ask for now, of the newest configuration that is known; None: nothing is missing."""
        missing = self.missing(members)
        if len(members) <= LEAST:  # what is to come may be late: who leaves waits for it
            missing = [action for action in missing if isinstance(action, Join)]
        if not missing:
            return None
        action = missing[self._asked // TRIES % len(missing)]
        self._asked += 1
        return ("join" if isinstance(action, Join) else "leave"), [action.node, version]
