"""A replica's own fields in few words, for a card on a page: best effort, and quick however large they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from itertools import islice

from protocols.kernel import Command, Replica
from protocols.wire import dumps

LONGEST = 72
"""Characters of one value."""
MOST_ITEMS, MOST_DEPTH = 4, 3
MOST_ENTRIES, MOST_KEYS = 5, 8
"""Of a log, the last; of the data, the first."""

LOGS = ("log", "slots", "history", "instances")
DATA = ("store", "values", "registers", "states")
BALLOTS = ("promised", "ballot", "term")
_CALLED = {"promised": "ballot"}
_HIDDEN = {"id", "now_ms"}


def words(value: object, depth: int = 0) -> str:
    """A value as people write it where there is little room.

    >>> words(Command("write", "x", 5, "c1", 2)), words({"a": (1, [2, 3])}), words(list(range(9)))
    ('write x 5', '{a: (1, [2, 3])}', '[… 9: 5, 6, 7, 8]')
    """
    if value is None:
        return "none" if depth == 0 else "-"
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, Command):
        argument = "" if value.value is None else f" {dumps(value.value)}"
        return _cut(f"{value.f} {value.key}{argument}")
    if depth > MOST_DEPTH:
        return "…"
    return _cut(_composite(value, depth + 1))


def _composite(value: object, depth: int) -> str:
    if isinstance(value, Mapping):
        pairs = islice(value.items(), max(0, len(value) - MOST_ITEMS), None)
        shown = [f"{words(key, depth)}: {words(item, depth)}" for key, item in pairs]
        return _listed(shown, len(value), "{}")
    if isinstance(value, Sequence | AbstractSet):
        items = islice(value, max(0, len(value) - MOST_ITEMS), None)
        ends = "()" if isinstance(value, tuple) else "[]"
        return _listed([words(item, depth) for item in items], len(value), ends)
    if isinstance(value, Replica):
        return "…"
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    parts = islice(attributes(value).items(), MOST_ITEMS)
    said = ", ".join(f"{name.strip('_')} {words(part, depth)}" for name, part in parts)
    return f"{type(value).__name__}({said})"


def _listed(shown: list[str], size: int, ends: str) -> str:
    more = f"… {size}: " if size > len(shown) else ""
    return f"{ends[0]}{more}{', '.join(shown)}{ends[1]}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def attributes(value: object) -> dict[str, object]:
    """The fields of a record or an object, by name."""
    if is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in fields(value) if hasattr(value, f.name)}
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    names = [*slots, *getattr(value, "__dict__", ())]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


# --- a card ---------------------------------------------------------------------------------------


def card(replica: Replica[object]) -> dict[str, object]:
    """What stands on a node's card: role, ballot, log and data where it has such, and its other fields.

    These are found by the names that protocols here give them; a protocol with other names has
    them among its fields.
    """
    state = {n: v for n, v in replica.state().items() if n not in _HIDDEN}
    ballot = next((n for n in BALLOTS if n in state), None)
    log = next((n for n in LOGS if n in state and _is_log(state[n])), None)
    data = next((n for n in DATA if n in state and _data(state[n]) is not None), None)
    others = {n: v for n, v in state.items() if n not in {ballot, log, data}}
    return {
        "role": role(replica, state),
        "ballot": None
        if ballot is None
        else [_CALLED.get(ballot, ballot), ballot_words(state[ballot])],
        "log": None if log is None else _log(state[log]),
        "data": None if data is None else _pairs(_data(state[data]) or {}),
        "fields": {name: words(value) for name, value in others.items()},
    }


def role(replica: Replica[object], state: Mapping[str, object]) -> str:
    """What it takes itself for: leader, candidate, follower; nothing where there are no such."""
    if state.get("campaign") is not None:
        return "candidate"
    leader = replica.leader()
    if leader is None:
        return ""
    return "leader" if leader == replica.id else f"follows n{leader + 1}"


def ballot_words(value: object) -> str:
    """A ballot as its number and its owner; any other thing as it is.

    >>> ballot_words((3, 1)), ballot_words((0, -1)), ballot_words(7)
    ('3.n2', '0', '7')
    """
    match value:
        case (int(number), int(node)) if node >= 0:
            return f"{number}.n{node + 1}"
        case (int(number), -1):
            return str(number)
        case _:
            return words(value)


def _is_log(value: object) -> bool:
    return not isinstance(value, Mapping | Sequence) and _entries(value) is not None


def _entries(value: object) -> list[tuple[object, object]] | None:
    """The last entries of a log by their slots: of its first part that has any such."""
    parts = attributes(value)
    base = parts.get("base", 0)
    for part in parts.values():
        if isinstance(part, Mapping) and all(isinstance(key, int) for key in part):
            return [(slot, part[slot]) for slot in sorted(part)[-MOST_ENTRIES:]]
        if isinstance(part, list) and isinstance(base, int):
            first = max(0, len(part) - MOST_ENTRIES)
            return [(base + 1 + place, part[place]) for place in range(first, len(part))]
    return None


def _log(value: object) -> dict[str, object]:
    marks = {n.strip("_"): v for n, v in attributes(value).items() if type(v) is int}
    return {
        "marks": ", ".join(f"{name} {number}" for name, number in marks.items()),
        "entries": [[str(slot), _entry(entry)] for slot, entry in _entries(value) or ()],
    }


def _entry(entry: object) -> str:
    """The command of an entry, or of its batch; else all of it."""
    found = _commands(entry)
    if not found:
        return words(entry)
    more = f" … {len(found)} in all" if len(found) > 1 else ""
    return _cut(f"{words(found[0])}{more}")


def _commands(entry: object, depth: int = 0) -> list[Command]:
    if isinstance(entry, Command):
        return [entry]
    if depth > MOST_DEPTH or isinstance(entry, str | int | None):
        return []
    parts = entry if isinstance(entry, list | tuple) else attributes(entry).values()
    return [command for part in parts for command in _commands(part, depth + 1)]


def _data(value: object) -> Mapping[object, object] | None:
    if isinstance(value, Mapping):
        return value
    for name in ("values", "store"):
        part = getattr(value, name, None)
        if isinstance(part, Mapping):
            return part
        if (inner := getattr(part, "values", None)) is not None and isinstance(inner, Mapping):
            return inner
    return None


def _pairs(data: Mapping[object, object]) -> list[list[str]]:
    shown = [[words(key), words(value)] for key, value in islice(data.items(), MOST_KEYS)]
    return [*shown, ["…", f"{len(data)} keys"]] if len(data) > MOST_KEYS else shown
