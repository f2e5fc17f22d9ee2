"""Leadership is handed over: by the command ``lead``, of value NODE, an administrator asks for another leader.

Ongaro's dissertation, 2014, section 3.10. The leader takes no more commands, brings what it has to its end, tells the
heir to stand for election at once, and leads no more from then on. Voters answer a candidate that says so though they
hear a leader: it is the leader's own wish. What does not come about in the time of an election is given up.

The answer comes at once and says only that it was heard. Safe wherever elections are: an heir is a candidate like
others. A leader that has a lease must give it up before another leads: so it does in Raft, by leading no more; in
multi-Paxos grantors keep still for longer than that, so that with ``read=leader`` nothing is handed over.
"""

from __future__ import annotations

from protocols.kernel import Command, NodeId

LEAD = "lead"

PATIENCE = 2
"""Ticks after which an heir that has not been told is given up."""


def heir_of(command: Command) -> NodeId | None:
    """Who is to lead; None where that cannot be told.

    >>> heir_of(Command("lead", "", 2))
    2
    """
    return command.value if type(command.value) is int else None
