"""What log-based protocols agree on commands for: a key-value store that runs each command once.

One function a command: it takes the key's value and the command's, and gives the key's new value
and the answer. None may raise, whatever it is asked: what is decided runs at every replica, again
after every restart. Another data type is another entry in ``COMMANDS``.

Exactly once: a client's session numbers its commands, and the answer to each is kept, so that a
command that a protocol has decided twice (a retry, a hand-over) runs once and answers the same
(Ongaro, "Consensus: Bridging Theory and Practice", 2014, section 6.3). The table is kept *per
key*, since under EPaxos only commands that interfere are run in the same order everywhere: a table
per session would let an op on one key overtake an older one on another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

from protocols.kernel import Command, Json, record
from protocols.wire import dumps

SESSIONS_PER_KEY = 256
"""How many sessions' last answers a key remembers; the least recent goes first, at every replica
alike, since updates of a key run in one order. A client's retry that comes later than this many
other sessions' updates of the key would run again."""


@record
class Answer:
    """``ok`` False: the command certainly had no effect."""

    value: Json
    ok: bool = True


_Run: TypeAlias = Callable[[Any, Any], tuple[Any, Answer]]


def _cas(state: Json, argument: Any) -> tuple[Json, Answer]:
    if not isinstance(argument, (list, tuple)) or len(argument) != 2:
        return state, Answer("cas takes [old, new]", ok=False)
    old, new = argument
    if state == old:
        return new, Answer([old, new])
    return state, Answer(f"was {dumps(state)}", ok=False)


def _append(state: Json, argument: Json) -> tuple[Json, Answer]:
    if state is not None and not isinstance(state, list):
        return state, Answer("not a list", ok=False)
    return [*(state or []), argument], Answer(argument)


COMMANDS: dict[str, _Run] = {
    "read": lambda state, _: (state, Answer(state)),
    "write": lambda _, argument: (argument, Answer(argument)),
    "cas": _cas,
    "append": _append,
}
READS = frozenset({"read"})
"""The commands that change nothing: two of these never interfere."""

NOOP = Command("noop", "")
"""Fills a gap, and runs as nothing."""


def interfere(a: Command, b: Command) -> bool:
    """Whether the order of two commands matters: same key, and not both reads.

    >>> interfere(Command("read", "x"), Command("read", "x"))
    False
    """
    return a.key == b.key and not (a.f in READS and b.f in READS)


def name_of(command: Command) -> Json:
    """A short name for notes: who asked for it, and which of its commands it is."""
    return f"{command.session}/{command.serial}" if command.session else command.f


OUTDATED = Answer("an older command of this session", ok=False)
"""Not an answer to give to a client: the command may well have run, long ago, and been answered.
(Its ``ok`` False only says that it was not run *now*.)"""


class KeyValue:
    """The store with its sessions. Pure data: two of the same history are equal."""

    def __init__(self) -> None:
        self.values: dict[str, Json] = {}
        self._answers: dict[str, dict[str, tuple[int, Json, bool]]] = {}

    def run(self, command: Command) -> Answer:
        """Run a command, or give the answer that it got when it was run.

        A command whose session has since done more on this key has long been answered; nobody
        waits for it, and it is not run again: ``OUTDATED``, which must not be told to a client.
        """
        execute = COMMANDS.get(command.f)
        if execute is None:
            return Answer(
                None if command.f == "noop" else f"no such command: {command.f}", ok=False
            )
        key = command.key
        if command.f in READS:
            return execute(self.values.get(key), command.value)[1]
        if not command.session:
            self.values[key], answer = execute(self.values.get(key), command.value)
            return answer
        answers = self._answers.setdefault(key, {})
        last = answers.get(command.session)
        if last is not None and last[0] >= command.serial:
            if last[0] == command.serial:
                return Answer(last[1], last[2])
            return OUTDATED
        self.values[key], answer = execute(self.values.get(key), command.value)
        answers.pop(command.session, None)
        answers[command.session] = (command.serial, answer.value, answer.ok)
        if len(answers) > SESSIONS_PER_KEY:
            del answers[next(iter(answers))]
        return answer

    def ran(self, command: Command) -> bool:
        """Whether this update has run already (reads are never remembered)."""
        last = self._answers.get(command.key, {}).get(command.session)
        return last is not None and last[0] >= command.serial

    def snapshot(self) -> Json:
        """The whole state as JSON, sessions included: without them a retry would run twice."""
        sessions = {k: [[s, *a] for s, a in v.items()] for k, v in self._answers.items()}
        return {"values": dict(self.values), "sessions": sessions}  # no command changes a value

    @classmethod
    def restore(cls, snapshot: Json) -> KeyValue:
        store, saved = cls(), cast("dict[str, Any]", snapshot)
        store.values = dict(saved["values"])
        store._answers = {
            key: {session: (serial, value, ok) for session, serial, value, ok in answers}
            for key, answers in saved["sessions"].items()
        }
        return store

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyValue) and self.snapshot() == other.snapshot()

    __hash__ = None  # type: ignore[assignment]  # mutable
