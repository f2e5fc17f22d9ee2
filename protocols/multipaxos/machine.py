"""What a replica of multi-Paxos runs the agreed commands on: any machine that keeps this contract.

Two machines that ran the same commands in the same order are the same (Schneider, "Implementing
Fault-Tolerant Services Using the State Machine Approach", ACM Computing Surveys 22(4), 1990). The
default is the key-value store; a configuration, a table of tokens or of leases are others.
"""

from __future__ import annotations

from typing import Protocol

from protocols.kernel import Command, Json
from protocols.statemachine import Answer


class Machine(Protocol):
    """Pure data, deterministic. None of these may raise: what was decided runs again after each
    restart.
    """

    def run(self, command: Command) -> Answer:
        """Run a command, or give the answer that it got when it was run (see ``ran``). One that it
        does not know, a no-op for instance, changes nothing.
        """
        ...

    def ran(self, command: Command) -> bool:
        """Whether this update has run already: one that was sent twice may be decided twice. A
        machine whose updates may run twice without harm says False.
        """
        ...

    def snapshot(self) -> Json:
        """The whole state as JSON, what ``ran`` knows included. Later runs must not change it."""
        ...

    @classmethod
    def restore(cls, snapshot: Json) -> Machine:
        """The machine of which this was the snapshot (tuples became lists)."""
        ...
