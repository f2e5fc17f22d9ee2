"""How ops and moments are named to people: "read of 5 by process 3 finished at 1.204 s"."""

from __future__ import annotations

from collections.abc import Sequence

from checker.history import OK, History
from checker.values import Json, canonical

_LONGEST = 60


def show(value: Json) -> str:
    """A value as JSON text, None as ``nothing``, shortened where it is long.

    >>> show(None), show([1, "a"])
    ('nothing', '[1,"a"]')
    """
    if value is None:
        return "nothing"
    text = canonical(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def of_key(key: Json) -> str:
    """``key x``; of a workload with one object: ``the only key``."""
    if key is None:
        return "the only key"
    return f"key {key}" if isinstance(key, str) else f"key {show(key)}"


def of_node(node: int) -> str:
    """A node (0-based) as people number it.

    >>> of_node(0)
    'n1'
    """
    return f"n{node + 1}"


def seconds(time_ns: int, digits: int = 3) -> str:
    """A moment or a time, in seconds.

    >>> seconds(1_204_345_000)
    '1.204 s'
    """
    return f"{time_ns / 1e9:.{digits}f} s"


def moments(*times_ns: int) -> list[str]:
    """Moments with as many digits, three at least, as tell different ones apart.

    >>> moments(1_000_100, 1_000_900)
    ['0.001000 s', '0.001001 s']
    """
    distinct = len(set(times_ns))
    for digits in range(3, 9):
        if len({seconds(t, digits) for t in times_ns}) == distinct:
            return [seconds(t, digits) for t in times_ns]
    return [seconds(t, 9) for t in times_ns]


def name_op(history: History, invoked: int) -> str:
    """What the op invoked in this row is, for people.

    A read is named by what it returned, a cas by what it turned into what.
    """
    f, done = history.f[invoked], int(history.partner[invoked])
    value = history.value[invoked]
    who = f"by process {int(history.process[invoked])}"
    if f == "cas" and isinstance(value, (list, tuple)) and len(value) == 2:
        return f"cas {show(value[0])} -> {show(value[1])} {who}"
    if done >= 0 and history.type[done] == OK and value is None:
        value = history.value[done]
    return f"{f} of {show(value)} {who}"


def before(history: History, first: int, second: int) -> str:
    """One sentence: the op invoked in row ``first`` ended before that of row ``second`` began."""
    end = int(history.partner[first])
    ended, began = moments(int(history.time_ns[end]), int(history.time_ns[second]))
    return (
        f"{name_op(history, first)} finished at {ended} (row {end}), before "
        f"the {name_op(history, second)} began at {began} (row {second})"
    )


def plural(n: int, noun: str, nouns: str = "") -> str:
    """How many of what.

    >>> plural(1, "key"), plural(1200, "key"), plural(2, "history", "histories")
    ('1 key', '1,200 keys', '2 histories')
    """
    return f"{n:,} {noun if n == 1 else nouns or noun + 's'}"


def span(rows: Sequence[int]) -> str:
    """``rows 12..61``, or ``row 12``."""
    low, high = min(rows), max(rows)
    return f"row {low}" if low == high else f"rows {low}..{high}"
