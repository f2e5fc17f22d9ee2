"""Joins and leaves on hosts: the administrator in a thread of his own, who asks the nodes until it is so.

A change may take long, since other faults are on: nobody waits for one that is not seen at once. So a
proof has three outcomes: the nodes said so (``bit`` true); not by now, and it is asked for further
(null: the nodes' notes have the last word, see ``checker.membership``); and, after the faults, never
(false).
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence

from harness.errors import HarnessError
from harness.remote.faults_record import Json, Proof, proof
from harness.systems.kernel import HasMembers
from nemesis.actions import Join, Leave, MemberAction
from nemesis.administrator import Administrator
from workloads.kernel import Refused

PACE_S = 0.1
"""Between two looks while something is missing."""
IDLE_S = 2.0
"""And while nothing is: a change that came late may have undone one."""
PATIENCE_S = 1.0
"""How long the nemesis itself waits for a change."""


class Members:
    """What the nodes say of their members, and what a plan wants of them. Thread-safe."""

    def __init__(self, system: HasMembers) -> None:
        self.system = system
        self.asked = False
        """Whether any change was ever wanted."""
        self._admin = Administrator()
        self._newest: tuple[int, tuple[int, ...]] = (-1, ())
        self._able: list[int] = []
        self._turns = itertools.count()
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._over = False

    def standing(self) -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
        """The members as they will be when all that is wanted is so (None: nobody says), and who does
        not answer.
        """
        told = self._look()
        with self._lock:
            version, members = self._newest
            planned = self._admin.then(members)
        down = tuple(node for node in self.system.nodes() if node not in told)
        return (None if version < 0 else planned), down

    def change(self, actions: Sequence[MemberAction]) -> list[Proof]:
        """Want these from now on; what the nodes say of them soon after."""
        with self._lock:
            self._admin.want(actions)
            self._begin()
        members = self._wait(PATIENCE_S)
        return [self._proof(action, members, None) for action in actions]

    def restore(self, first: Sequence[int], patience_s: float) -> list[Proof]:
        """After the faults: the first members are wanted again, and nothing hinders it any more."""
        with self._lock:
            self._admin.restore(first, self.system.nodes())
            self._begin()
        members = self._wait(patience_s)
        wanted = [Join(n) if n in first else Leave(n) for n in self.system.nodes()]
        return [self._proof(action, members, False) for action in wanted]

    def close(self) -> None:
        """End the thread. Idempotent."""
        with self._lock:
            self._over = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join()

    # --- the administrator ------------------------------------------------------------------------

    def _begin(self) -> None:
        self.asked = True
        self._lock.notify_all()
        if self._thread is None and not self._over:
            self._thread = threading.Thread(target=self._run, name="administrator", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        ended = False
        while not ended:
            self._look()
            with self._lock:
                due = self._admin.ask(*self._newest) if self._newest[0] >= 0 else None
                able = self._able
                self._lock.notify_all()
            if due is not None and able:
                self._ask(able[next(self._turns) % len(able)], *due)
            with self._lock:
                if not self._over:
                    self._lock.wait(IDLE_S if due is None else PACE_S)
                ended = self._over

    def _ask(self, node: int, f: str, value: list[int]) -> None:
        """One that cannot be asked is not: there will be another turn."""
        try:
            self.system.change(node, f, value)
        except (OSError, HarnessError, Refused):
            with self._lock:
                self._able = [other for other in self._able if other != node]

    def _look(self) -> dict[int, tuple[int, tuple[int, ...]]]:
        """What each node says that answers; the newest of it is kept, whoever dies."""
        told = self.system.membership()
        with self._lock:
            self._able = sorted(told)
            self._newest = max([self._newest, *told.values()], key=lambda config: config[0])
        return told

    def _wait(self, patience_s: float) -> tuple[int, ...]:
        """Until nothing is missing; the members then, or when patience is over. Nobody, if none said."""
        deadline = time.monotonic() + patience_s
        with self._lock:
            while (
                (self._newest[0] < 0 or self._admin.missing(self._newest[1]))
                and (left := deadline - time.monotonic()) > 0
                and not self._over
            ):
                self._lock.wait(left)
            return self._newest[1]

    def _proof(self, action: MemberAction, members: Sequence[int], otherwise: bool | None) -> Proof:
        so = bool(members) and (action.node in members) is isinstance(action, Join)
        saw: dict[str, Json] = {"members": list(members)}
        return proof(action, "members", saw, True if so else otherwise)
