"""Eventual consistency by its definition, and small histories that are near it."""

from __future__ import annotations

from random import Random

from checker.history import FAIL, INFO, INVOKE, OK, History, Op, Row

NODES = 2


def copies_history(random: Random) -> History:
    """Updates of two keys by three clients, then each node's copy, which is right but for some."""
    rows: list[Row] = []
    process = [0, 1, 2]
    there: dict[str, list[int]] = {"cart": [], "x": []}

    def op(who: int, ended: int, f: str, key: str, values: tuple[object, object]) -> None:
        value, result = values
        rows.append(Row(len(rows), who, INVOKE, f, key, value, None, who % NODES))
        rows.append(Row(len(rows), who, ended, f, key, result, None, who % NODES))

    for serial in range(random.randrange(1, 7)):
        thread = random.randrange(3)
        ended = random.choice((OK, OK, OK, OK, FAIL, INFO))
        key = random.choice(("cart", "x"))
        f = "add" if key == "cart" else random.choice(("write", "write", "delete"))
        gone = list(there["x"])
        op(process[thread], ended, f, key, (serial, gone if f == "delete" else serial))
        if f != "add" and ended != FAIL and random.randrange(4):
            there["x"] = []
        if f != "delete" and (ended == OK or (ended == INFO and random.randrange(2))):
            there[key] = [*there[key], serial]
        if ended == INFO:
            process[thread] += 3
    for node in range(NODES):
        for key, values in there.items():
            seen = list(values)
            if seen and not random.randrange(12):
                seen.pop(random.randrange(len(seen)))
            if not random.randrange(20):
                seen.append(99)
            held: object = [[e] for e in seen] if key == "cart" else seen
            op(100 + node, OK, "replica", key, (None, None if not random.randrange(15) else held))
    return History.of(rows)


def agree_and_keep(history: History) -> bool:
    """Claim by claim, each over all ops of a key: quadratic, and as the words have it."""
    return all(_key(history, key) for key in ("cart", "x"))


def _key(history: History, key: str) -> bool:
    ops = [op for op in history.ops() if op.key == key]
    last = {op.process: op.result for op in ops if op.f == "replica"}
    held = [values for values in last.values() if values is not None]
    updates = [op for op in ops if op.f != "replica"]
    if not held:
        return False
    if held != held[:1] * len(held):
        return False
    assert isinstance(held[0], list)
    there = [e for value in held[0] for e in (value if isinstance(value, list) else [value])]
    possible = [op.argument for op in updates if op.type != FAIL and op.f != "delete"]
    return all(e in possible for e in there) and all(_fine(op, updates, there) for op in updates)


def _fine(op: Op, updates: list[Op], there: list[object]) -> bool:
    if op.type != OK:
        return True
    if op.f == "add":
        return op.argument in there
    if op.f == "delete":
        return not any(
            value in there for value in (op.result if isinstance(op.result, list) else [])
        )
    replaced = any(
        later.process == op.process and later.f == "write" and later.type == OK
        for later in updates[updates.index(op) + 1 :]
    )
    if replaced and op.argument in there:
        return False
    return bool(there) or any(other.f == "delete" for other in updates)
