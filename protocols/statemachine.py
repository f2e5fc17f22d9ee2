"""What log-based protocols agree on commands for: a key-value store that runs each command once.

One function a command: it takes the key's value and the command's, and gives the key's new value
and the answer. None may raise, whatever it is asked: what is decided runs at every replica, again
after every restart. Another data type is another entry in ``ONE_KEY``; a command that concerns
several keys is one in :mod:`protocols.transactions`.

Exactly once: a client's session numbers its commands, and the answer to each is kept, so that a
command that a protocol has decided twice (a retry, a hand-over) runs once and answers the same
(Ongaro, "Consensus: Bridging Theory and Practice", 2014, section 6.3). The table is kept *per
key*, since under EPaxos only commands that interfere are run in the same order everywhere: a table
per session would let an op on one key overtake an older one on another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

from protocols.answers import Answer as Answer  # noqa: PLC0414  protocols import it from here
from protocols.kernel import Command, Json
from protocols.leasing import LEASES, Leases
from protocols.transactions import MULTI, first_key
from protocols.wire import dumps

SESSIONS_PER_KEY = 256
"""How many sessions' last answers a key remembers; the least recent goes first, at every replica
alike, since updates of a key run in one order. A client's retry that comes later than this many
other sessions' updates of the key would run again."""


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


def _add(state: Json, element: Json) -> tuple[Json, Answer]:
    """A set is kept as the list of its elements, in the order in which they came."""
    if state is not None and not isinstance(state, list):
        return state, Answer("not a set", ok=False)
    found = state or []
    return (found if element in found else [*found, element]), Answer(element)


def _add_and_get(state: Json, amount: Json) -> tuple[Json, Answer]:
    before = 0 if state is None else state
    if type(amount) is not int or type(before) is not int:
        return state, Answer("not a counter, or not an int", ok=False)
    total = before + amount
    return total, Answer(total)


def _guarded(state: Any, argument: Any) -> tuple[Json, Answer]:
    """A resource that a lease guards: of a write with a token it keeps the token, too, and refuses
    every older one from then on (*fencing*). It answers what it held before.
    """
    if (
        not isinstance(argument, (list, tuple))
        or len(argument) != 2
        or type(argument[0]) is not int
    ):
        return state, Answer("guarded takes [token, value]", ok=False)
    if state is not None and not (isinstance(state, list) and len(state) == 2):
        return state, Answer("not guarded", ok=False)
    if state is not None and type(state[0]) is int and argument[0] < state[0]:
        return state, Answer(f"token {argument[0]} after {state[0]}", ok=False)
    return [*argument], Answer(state)


ONE_KEY: dict[str, _Run] = {
    "read": lambda state, _: (state, Answer(state)),
    "write": lambda _, argument: (argument, Answer(argument)),
    "cas": _cas,
    "append": _append,
    "add": _add,
    "add-and-get": _add_and_get,
    "guarded": _guarded,
}
"""The commands of one key. ``add`` is a set's, ``add-and-get`` a counter's, ``guarded`` a lock's."""

COMMANDS = frozenset({*ONE_KEY, *MULTI})
"""What it runs for every protocol."""

TIMED_COMMANDS = COMMANDS | LEASES
"""All that it runs: leases for protocols that write the time into their log. Every other command is
answered by a refusal, at every replica alike."""

READS = frozenset({"read"})
"""The commands that change nothing."""

NOOP = Command("noop", "")
"""Fills a gap, and runs as nothing."""


def home_of(command: Command) -> str:
    """The key under which a session's answer is kept."""
    return command.key or first_key(command)


def name_of(command: Command) -> Json:
    """A short name for notes: who asked for it, and which of its commands it is."""
    return f"{command.session}/{command.serial}" if command.session else command.f


OUTDATED = Answer("an older command of this session", ok=False)
"""Not an answer to give to a client: the command may well have run, long ago, and been answered.
(Its ``ok`` False only says that it was not run *now*.)"""


class KeyValue:
    """The store with its sessions. Pure data: two of the same history are equal."""

    leasing: type[Leases] = Leases

    def __init__(self) -> None:
        self.values: dict[str, Json] = {}
        self.leases = self.leasing()
        self._answers: dict[str, dict[str, tuple[int, Json, bool]]] = {}

    def run(self, command: Command) -> Answer:
        """Run a command, or give the answer that it got when it was run.

        A command whose session has since done more on this key has long been answered; nobody
        waits for it, and it is not run again: ``OUTDATED``, which must not be told to a client.
        """
        if command.f in READS:
            return ONE_KEY[command.f](self.values.get(command.key), command.value)[1]
        if command.f not in TIMED_COMMANDS:
            return Answer(
                None if command.f == "noop" else f"no such command: {command.f}", ok=False
            )
        if not command.session:
            return self._execute(command)
        answers = self._answers.setdefault(home_of(command), {})
        last = answers.get(command.session)
        if last is not None and last[0] >= command.serial:
            if last[0] == command.serial:
                return Answer(last[1], last[2])
            return OUTDATED
        answer = self._execute(command)
        answers.pop(command.session, None)
        answers[command.session] = (command.serial, answer.value, answer.ok)
        if len(answers) > SESSIONS_PER_KEY:
            del answers[next(iter(answers))]
        return answer

    def _execute(self, command: Command) -> Answer:
        execute = ONE_KEY.get(command.f)
        if execute is None:
            if command.f in LEASES:
                return self.leases.run(command)
            return MULTI[command.f](self.values, command)
        key = command.key
        self.values[key], answer = execute(self.values.get(key), command.value)
        return answer

    def ran(self, command: Command) -> bool:
        """Whether this update has run already (reads are never remembered)."""
        last = self._answers.get(home_of(command), {}).get(command.session)
        return last is not None and last[0] >= command.serial

    def take(self, key: str, other: KeyValue) -> None:
        """Have this key as another store has it, which has run all its updates that were run here."""
        if key in other.values:
            self.values[key] = other.values[key]
        if key in other._answers:
            self._answers[key] = dict(other._answers[key])

    def snapshot(self) -> Json:
        """The whole state as JSON, sessions included: without them a retry would run twice."""
        sessions = {k: [[s, *a] for s, a in v.items()] for k, v in self._answers.items()}
        saved = {"values": dict(self.values), "sessions": sessions}  # no command changes a value
        return saved | {"leases": self.leases.snapshot()} if self.leases.tokens else saved

    @classmethod
    def restore(cls, snapshot: Json) -> KeyValue:
        store, saved = cls(), cast("dict[str, Any]", snapshot)
        store.values = dict(saved["values"])
        store._answers = {
            key: {session: (serial, value, ok) for session, serial, value, ok in answers}
            for key, answers in saved["sessions"].items()
        }
        if "leases" in saved:
            store.leases.load(saved["leases"])
        return store

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyValue) and self.snapshot() == other.snapshot()

    __hash__ = None  # type: ignore[assignment]  # mutable
