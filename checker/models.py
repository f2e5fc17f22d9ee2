"""What an object does when ops run one after another: a model is a first state and a step.

``step(state, op)`` gives the state after the op, or ``ILLEGAL`` where the op cannot have had its
answer in that state. States are hashable and never changed. An op whose ``type`` is INFO has no
result: the step tells what it does if it does happen. One whose type is FAIL comes only to models
that say ``fails``: its failure is then an observation.

A model of one's own, say of a light that can be switched::

    def step(on, op):
        match op.f:
            case "switch":
                return not on
            case "look":
                return on if op.type == INFO or op.result == on else ILLEGAL

    LIGHT = Model(name="light", init=False, step=step)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, cast

from checker.history import FAIL, INFO, OK, Op
from checker.values import Json, identity

State: TypeAlias = Hashable


class Illegal:
    """The only instance is ``ILLEGAL``."""

    def __repr__(self) -> str:
        return "ILLEGAL"


ILLEGAL = Illegal()
_READ = frozenset({"read", "get", "contains"})


def by_key(op: Op) -> Json:
    """Each key is an object of its own, and is judged alone."""
    return op.key


@dataclass(frozen=True, kw_only=True)
class Model:
    """``partition`` names the object that an op is of; None: all ops are of one object.

    ``fails``: failed ops are passed to ``step`` too; without it they are left out. ``processes``:
    ``step`` looks at ``op.process``; a model that does not should say so, since then equal ops of
    different processes are interchangeable, and the search is faster. ``observers``: each ``f`` that
    never changes the state, of which it is said for the same reason.
    """

    name: str
    init: State
    step: Callable[[State, Op], State | Illegal]
    partition: Callable[[Op], Json] | None = by_key
    fails: bool = False
    processes: bool = True
    observers: frozenset[str] = frozenset()


def saw(op: Op, value: State) -> bool:
    """Whether an op's result is this identity, or unknown."""
    return op.type == INFO or identity(op.result) == value


def _register(state: State, op: Op) -> State | Illegal:
    match op.f:
        case "read":
            return state if saw(op, state) else ILLEGAL
        case "write":
            return identity(op.argument)
        case "cas":
            old, new = cast("tuple[Json, Json]", op.argument)
            if op.type == FAIL:
                return ILLEGAL if state == identity(old) else state
            return identity(new) if state == identity(old) else ILLEGAL
    raise _unknown(op, "register")


REGISTER = Model(name="register", init=None, step=_register, processes=False, observers=_READ)


def _cas_register(state: State, op: Op) -> State | Illegal:
    return state if op.type == FAIL and op.f != "cas" else _register(state, op)


CAS_REGISTER = Model(
    name="cas-register", init=None, step=_cas_register, fails=True, processes=False, observers=_READ
)
"""A failed cas says that the value was another one; a failed read or write says nothing."""


def _kv(state: State, op: Op) -> State | Illegal:
    return _text(state, op) if op.f in ("append", "get", "put") else _register(state, op)


KV = Model(name="kv", init=None, step=_kv, processes=False, observers=_READ)
"""A register that also knows Porcupine's words: ``put``, ``get``, and ``append`` to a string."""


class Entry(NamedTuple):
    """What a key holds, both as identities."""

    key: State
    value: State


def _store(state: State, op: Op) -> State | Illegal:
    """The state is a tuple of the entries of all keys that hold something, in one order."""
    entries = cast("tuple[Entry, ...]", state)
    key = identity(op.key)
    before = next((entry.value for entry in entries if entry.key == key), None)
    after = _kv(before, op)
    if isinstance(after, Illegal) or after is before:
        return after if after is ILLEGAL else state
    rest = [entry for entry in entries if entry.key != key]
    return tuple(sorted([*rest, Entry(key, after)], key=lambda entry: repr(entry.key)))


def _text(state: State, op: Op) -> State | Illegal:
    """Porcupine's words: ``put``, ``get``, ``append`` to a string, empty at first."""
    match op.f:
        case "get":
            return state if saw(op, "" if state is None else state) else ILLEGAL
        case "put":
            return identity(op.argument)
    return f"{'' if state is None else state}{op.argument}"


STORE = Model(name="store", init=(), step=_store, partition=None, processes=False, observers=_READ)
"""All keys of a ``kv`` as one object: slower than key by key, and says the same."""


def _container(
    name: str, put: str, take: str, *, oldest: bool = False, ordered: bool = False
) -> Model:
    """A container of which one end is taken: the state is a tuple of what is inside.

    ``take`` of an empty one answers null. ``oldest``: from the front; ``ordered``: kept ascending.
    """
    end, rest = (0, slice(1, None)) if oldest else (-1, slice(None, -1))

    def step(state: State, op: Op) -> State | Illegal:
        items = cast("tuple[State, ...]", state)
        if op.f == put:
            after = (*items, identity(op.argument))
            return tuple(sorted(cast("tuple[int, ...]", after))) if ordered else after
        if op.f == take:
            return items[rest] if saw(op, items[end] if items else None) else ILLEGAL
        raise _unknown(op, name)

    return Model(name=name, init=(), step=step, processes=False)


QUEUE = _container("queue", "enqueue", "dequeue", oldest=True)
"""First in, first out."""

STACK = _container("stack", "push", "pop")
"""Last in, first out."""

PRIORITY_QUEUE = _container("priority-queue", "insert", "poll", ordered=True)
"""``poll`` takes the greatest number."""


def _set(state: State, op: Op) -> State | Illegal:
    items = cast("frozenset[State]", state)
    match op.f:
        case "add":
            return items | {identity(op.argument)}
        case "remove":
            return items - {identity(op.argument)}
        case "contains":
            there = identity(op.argument) in items
            return state if op.type == INFO or op.result is there else ILLEGAL
        case "read":
            if op.type == INFO:
                return state
            read = [identity(value) for value in cast("list[Json]", op.result or [])]
            return state if len(read) == len(items) and items == set(read) else ILLEGAL
    raise _unknown(op, "set")


SET = Model(name="set", init=frozenset(), step=_set, processes=False, observers=_READ)
"""``add``, ``remove``, ``contains`` (a boolean), ``read`` of all elements."""


def _mutex(state: State, op: Op) -> State | Illegal:
    """The state is the process that holds it, or None."""
    match op.f:
        case "acquire":
            return op.process if state is None else ILLEGAL
        case "release":
            return None if state == op.process else ILLEGAL
    raise _unknown(op, "mutex")


MUTEX = Model(name="mutex", init=None, step=_mutex)
"""Held by one process at a time, and released by who holds it."""


def _counter(state: State, op: Op) -> State | Illegal:
    total = cast("int", state)
    match op.f:
        case "add":
            return total + cast("int", op.argument)
        case "read":
            untouched = total == 0 and op.type == OK and op.result is None
            return state if untouched or saw(op, total) else ILLEGAL
        case "add-and-get":
            after = total + cast("int", op.argument)
            return after if saw(op, after) else ILLEGAL
    raise _unknown(op, "counter")


COUNTER = Model(name="counter", init=0, step=_counter, processes=False, observers=_READ)
"""``add`` of an int, ``read`` (a counter that was never added to may read as null: 0), and
``add-and-get``.
"""

MODELS = {
    model.name: f"checker.models:{name}"
    for name, model in (
        ("REGISTER", REGISTER),
        ("CAS_REGISTER", CAS_REGISTER),
        ("KV", KV),
        ("STORE", STORE),
        ("QUEUE", QUEUE),
        ("STACK", STACK),
        ("PRIORITY_QUEUE", PRIORITY_QUEUE),
        ("SET", SET),
        ("MUTEX", MUTEX),
        ("COUNTER", COUNTER),
    )
}


def _unknown(op: Op, name: str) -> ValueError:
    return ValueError(f"row {op.invoked}: a {name} does not know {op.f!r}")
