"""What a history is held to: from a model's name to checks, and the model that its ops look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import TypeAlias, cast

from checker import CHECKS, linearizable
from checker.history import OK, History
from checker.linearizable.search import search
from checker.models import COUNTER, KV, MODELS, Model, by_key
from checker.transactional.lattice import WEAKER
from harness.errors import UsageError
from harness.judge import TRIAL_CHECKS
from harness.tables import find, nearest
from workloads.kernel import Check

Checks: TypeAlias = Mapping[str, Check]

LINEARIZABLE = "linearizable"
_OBSERVE, _LEVEL = "observe_failed_cas", "model"

_SPECIAL: dict[str, Callable[[], Checks]] = {
    "register": lambda: {LINEARIZABLE: linearizable.check},
    # Jepsen's and Knossos' fail says that nothing happened, not that the old value was not there.
    "cas-register": lambda: {LINEARIZABLE: linearizable.check},
    "kv": lambda: {LINEARIZABLE: partial(search, model=replace(KV, partition=by_key))},
    "counter": lambda: {  # the bounds are necessary only, the search is exact
        "counter": cast("Check", find("check", CHECKS, "counter")),
        LINEARIZABLE: partial(search, model=COUNTER),
    },
}

# The ops that tell a model, the first whose are all there; sets, counters and transactions are told
# by their values.
_BY_OPS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"read", "write", "cas"}), "register"),
    (frozenset({"acquire", "release"}), "mutex"),
    (frozenset({"enqueue", "dequeue"}), "queue"),
    (frozenset({"enqueue", "dequeue", "drain"}), "total-queue"),
    (frozenset({"push", "pop"}), "stack"),
    (frozenset({"insert", "poll"}), "priority-queue"),
    (frozenset({"get", "put", "append"}), "kv"),
    (frozenset({"add", "remove", "contains", "read"}), "set"),
    (frozenset({"add", "add-and-get", "read"}), "counter"),
    (frozenset({"generate"}), "unique-ids"),
    (frozenset({"append", "read"}), "log"),
    (frozenset({"read", "transfer"}), "bank"),
)
_MICRO_OPS = {"append": "list-append", "w": "rw-register"}


def names() -> list[str]:
    """Every name that ``claims`` takes, but for import strings."""
    return sorted((MODELS.keys() | CHECKS.keys()) - TRIAL_CHECKS.keys())


def claims(name: str) -> Checks:
    """The checks of a model or check of that name, or of ``package.module:attribute``.

    A model that has a check of its own is decided by that; any other is searched. Raises UsageError,
    with the near match, if there is no such name, or if it is neither.
    """
    if name in _SPECIAL:
        return _SPECIAL[name]()
    if name in CHECKS and name not in TRIAL_CHECKS:
        return {name: cast("Check", find("check", CHECKS, name))}
    if name not in MODELS and ":" not in name:
        raise UsageError(f"no model is called {name!r}{nearest(name, names())}")
    found = find("model", MODELS, name)
    if isinstance(found, Model):
        return {LINEARIZABLE: partial(search, model=found)}
    if callable(found):
        return {name.partition(":")[2]: cast("Check", found)}
    raise UsageError(f"model {name!r} is neither a Model nor a check: {found!r}")


def takes(check: Check, parameter: str) -> bool:
    """Whether a check can be told this."""
    try:
        return parameter in signature(check).parameters
    except (TypeError, ValueError):  # not written in Python
        return False


def observing_failed_cas(checks: Checks) -> Checks:
    """The same checks, where a failed cas says that the old value was not there.

    Raises UsageError where no check is of a register.
    """
    if not any(takes(check, _OBSERVE) for check in checks.values()):
        raise UsageError("--observe-failed-cas is for register and cas-register")
    return {
        name: partial(check, **{_OBSERVE: True}) if takes(check, _OBSERVE) else check
        for name, check in checks.items()
    }


def at_isolation(checks: Checks, isolation: str) -> Checks:
    """The same checks, of transactions that are to keep to this level.

    Raises UsageError where there is no such level, or no check that takes one.
    """
    if isolation not in WEAKER:
        raise UsageError(f"no level is called {isolation!r}{nearest(isolation, list(WEAKER))}")
    if not any(map(_levelled, checks.values())):
        raise UsageError("--isolation is for list-append and rw-register")
    return {
        name: partial(check, **{_LEVEL: isolation}) if _levelled(check) else check
        for name, check in checks.items()
    }


def _levelled(check: Check) -> bool:
    return takes(check, _LEVEL) and isinstance(signature(check).parameters[_LEVEL].default, str)


def guess(history: History) -> str | None:
    """The model that the ops look like; None where they look like none, or like more than one."""
    asked = {f for f, p in zip(history.f, history.process.tolist(), strict=True) if p >= 0}
    if asked == {"txn"}:
        used = {f for op in history.ops() for f in _micro_ops(op.argument)}
        return next((name for f, name in _MICRO_OPS.items() if f in used), None)
    if asked in ({"add"}, {"add", "read"}):
        ops = list(history.ops())
        read = {type(op.result) for op in ops if op.f == "read" and op.type == OK}
        added = {type(op.argument) for op in ops if op.f == "add"}
        if read == {list}:
            return "set"
        return "counter" if read | added == {int} else None
    return next((name for known, name in _BY_OPS if asked <= known), None)


def _micro_ops(txn: object) -> list[object]:
    return [m[0] for m in txn if isinstance(m, list) and m] if isinstance(txn, list) else []
