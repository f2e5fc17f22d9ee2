"""Commands of several keys at once, as the same deterministic store runs them.

- ``txn``: micro-operations in order, as Jepsen writes them: ``["r", key, null]`` reads,
  ``["w", key, value]`` writes, ``["append", key, value]`` appends to a list. The answer is the same
  list with what the reads found. Nothing is changed if any of them cannot be done.
- ``transfer`` of ``{"from", "to", "amount"}`` between accounts that there are and that stay at 0 or
  more (Jepsen's bank); ``balances`` of a list of accounts: what is in each, as an object.

A command whose ``key`` is "" may name any keys. Where it names a key, it concerns that key alone:
which is how protocols that keep keys apart (a log a key, a group a key) serve transactions, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from protocols.answers import Answer
from protocols.kernel import Command, Json

Values: TypeAlias = dict[str, Json]

_MALFORMED = Answer("malformed", ok=False)


def keys_of(command: Command) -> tuple[str, ...]:
    """The keys that a command concerns, ascending, each once.

    >>> keys_of(Command("txn", "", [["r", "y", None], ["append", "x", 1], ["r", "x", None]]))
    ('x', 'y')
    >>> keys_of(Command("write", "x", 1))
    ('x',)
    """
    if command.key or command.f not in MULTI:
        return (command.key,)
    return tuple(sorted({key for key in _NAMED[command.f](command.value) if type(key) is str}))


def first_key(command: Command) -> str:
    """The first of ``keys_of``, "" if there is none."""
    if command.key or command.f not in MULTI:
        return command.key
    named = _NAMED[command.f](command.value)
    return min([key for key in named if type(key) is str], default="")


def _of_micro_ops(value: Any) -> list[Json]:
    micro_ops = value if isinstance(value, list) else []
    return [m[1] for m in micro_ops if isinstance(m, list) and len(m) == 3]


def _of_transfer(value: Any) -> list[Json]:
    return [value.get("from"), value.get("to")] if isinstance(value, dict) else []


def _of_balances(value: Any) -> list[Json]:
    return value if isinstance(value, list) else []


_NAMED: dict[str, Callable[[Any], list[Json]]] = {
    "txn": _of_micro_ops,
    "transfer": _of_transfer,
    "balances": _of_balances,
}


def _txn(values: Values, command: Command) -> Answer:
    if not isinstance(command.value, list):
        return _MALFORMED
    changed: Values = {}
    done: list[Json] = []
    for micro_op in command.value:
        if not isinstance(micro_op, list) or len(micro_op) != 3 or type(micro_op[1]) is not str:
            return _MALFORMED
        f, key, argument = micro_op
        state = changed.get(key, values.get(key))
        if f == "r":
            done.append(["r", key, state])
            continue
        if f == "append":
            if state is not None and not isinstance(state, list):
                return Answer(f"{key} is not a list", ok=False)
            changed[key] = [*(state or []), argument]
        elif f == "w":
            changed[key] = argument
        else:
            return _MALFORMED
        done.append(micro_op)
    values.update(changed)
    return Answer(done)


def _transfer(values: Values, command: Command) -> Answer:
    asked: Any = command.value
    if not isinstance(asked, dict) or type(amount := asked.get("amount")) is not int or amount < 0:
        return _MALFORMED
    source, target = asked.get("from"), asked.get("to")
    if type(source) is not str or type(target) is not str or source == target:
        return _MALFORMED
    held, other = values.get(source), values.get(target)
    if type(held) is not int or type(other) is not int:
        return Answer("no such account", ok=False)
    if held < amount:
        return Answer(f"only {held} in {source}", ok=False)
    values[source], values[target] = held - amount, other + amount
    return Answer(asked)


def _balances(values: Values, command: Command) -> Answer:
    if not isinstance(command.value, list) or not all(type(k) is str for k in command.value):
        return _MALFORMED
    return Answer({key: values.get(key) for key in command.value})


def _within(run: Callable[[Values, Command], Answer]) -> Callable[[Values, Command], Answer]:
    """Refuses a command that names a key, and then others in its value."""

    def checked(values: Values, command: Command) -> Answer:
        if command.key and any(key != command.key for key in _NAMED[command.f](command.value)):
            return Answer(f"a command of {command.key} that concerns other keys", ok=False)
        return run(values, command)

    return checked


MULTI: dict[str, Callable[[Values, Command], Answer]] = {
    "txn": _within(_txn),
    "transfer": _within(_transfer),
    "balances": _within(_balances),
}
"""Each changes ``values`` in one go, or not at all; none raises, whatever it is asked."""
