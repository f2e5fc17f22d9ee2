"""Faults, actions and plans as JSON and back: for ``plan.json``, ``--plan``, and the history.

``from_json`` of ``to_json`` is the same value; whatever else is read is refused with a sentence that
names the window and the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import TypeAlias, cast

from nemesis.actions import (
    CLEAR,
    Action,
    BumpClock,
    Corrupt,
    Cut,
    Fault,
    FillDisk,
    FreeDisk,
    Join,
    Kill,
    Lead,
    Leave,
    Link,
    LoseUnsynced,
    Mend,
    NodeAction,
    Pause,
    Plan,
    ResetClock,
    Restore,
    Resume,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
    Weather,
    Window,
    Wipe,
)

Json: TypeAlias = object

_OF_LINKS = {"cut": Cut, "mend": Mend}
_OF_NODE: Mapping[str, type[NodeAction]] = {
    "kill": Kill,
    "start": Start,
    "pause": Pause,
    "resume": Resume,
    "slow-disk": SlowDisk,
    "lose-unsynced": LoseUnsynced,
    "corrupt": Corrupt,
    "restore": Restore,
    "fill-disk": FillDisk,
    "free-disk": FreeDisk,
    "wipe": Wipe,
    "bump-clock": BumpClock,
    "strobe-clock": StrobeClock,
    "set-drift": SetDrift,
    "reset-clock": ResetClock,
    "join": Join,
    "leave": Leave,
    "lead": Lead,
}
_NODE_NAMES = {cls: name for name, cls in _OF_NODE.items()}
ACTION_NAMES = (*_OF_LINKS, "shape", *_OF_NODE)


class Malformed(ValueError):  # noqa: N818
    """This JSON is not what it should be; the sentence names the window and the field."""


def action_to_json(action: Action) -> dict[str, Json]:
    """The action's name under "do", and its fields.

    >>> action_to_json(Cut(((0, 1),)))
    {'do': 'cut', 'links': [[0, 1]]}
    >>> action_to_json(Shape(((0, 1),), Weather(delay_ms=5)))
    {'do': 'shape', 'links': [[0, 1]], 'weather': {'delay_ms': 5}}
    >>> action_to_json(SlowDisk(2, ms=100))
    {'do': 'slow-disk', 'node': 2, 'ms': 100}
    """
    match action:
        case Cut(links) | Mend(links):
            do = type(action).__name__.lower()
            return {"do": do, "links": [list(link) for link in links]}
        case Shape(links, weather):
            some = {name: value for name, value in asdict(weather).items() if value}
            return {"do": "shape", "links": [list(link) for link in links], "weather": some}
        case _:
            return {"do": _NODE_NAMES[type(action)], **asdict(action)}


def actions_to_json(actions: Sequence[Action]) -> list[dict[str, Json]]:
    return [action_to_json(action) for action in actions]


def fault_to_json(fault: Fault | str) -> Json:
    """A name stays a name: it is resolved when its window opens."""
    if isinstance(fault, str):
        return fault
    return {
        "name": fault.name,
        "begin": actions_to_json(fault.begin),
        "end": actions_to_json(fault.end),
    }


def plan_to_json(plan: Plan) -> list[dict[str, Json]]:
    return [
        {"at_ms": window.at_ms, "for_ms": window.for_ms, "fault": fault_to_json(window.fault)}
        for window in plan
    ]


def plan_from_json(value: Json) -> tuple[Window, ...]:
    """Raises Malformed (a ValueError), which names the window (counted from 0) and what is wrong with it.

    >>> plan_from_json([{"at_ms": 5, "for_ms": "long", "fault": "kill"}])
    Traceback (most recent call last):
    nemesis.encoding.Malformed: window 0: for_ms is 'long', not an integer
    """
    if not isinstance(value, list):
        raise Malformed(f"a plan is a list of windows, not {_short(value)}")
    windows = []
    for number, item in enumerate(value):
        try:
            windows.append(_window(item))
        except Malformed as error:
            raise Malformed(f"window {number}: {error}") from error
    return tuple(windows)


def fault_from_json(value: Json) -> Fault | str:
    """Raises Malformed for what is neither a name nor a fault."""
    if isinstance(value, str):
        return value
    item = _object(value, {"name", "begin", "end"}, "a fault")
    name = item["name"]
    if not isinstance(name, str):
        raise Malformed(f"the fault's name is {_short(name)}, not a string")
    return Fault(name, _actions(item["begin"], "begin"), _actions(item["end"], "end"))


def action_from_json(value: Json) -> Action:
    """Raises Malformed for what is no action."""
    if not isinstance(value, dict) or "do" not in value:
        raise Malformed(f'an action is an object with "do", not {_short(value)}')
    do = value["do"]
    if do in _OF_NODE:
        return _of_node(_OF_NODE[do], value, do)
    if do in _OF_LINKS:
        item = _object(value, {"do", "links"}, do)
        return cast("Action", _OF_LINKS[do](_links(item["links"])))
    if do == "shape":
        item = _object(value, {"do", "links", "weather"}, do)
        return Shape(_links(item["links"]), _weather(item["weather"]))
    raise Malformed(f"no action is called {_short(do)}: there are {', '.join(ACTION_NAMES)}")


def _of_node(cls: type[NodeAction], value: Json, do: str) -> NodeAction:
    """An action of a node: its fields are numbers, or flags."""
    types = {field.name: field.type for field in fields(cls)}
    item = _object(value, {"do", *types}, do)
    told: dict[str, object] = {}
    for name, kind in types.items():
        if kind == "bool":  # not in one expression: of an int or a bool mypyc makes an int
            told[name] = _flag(item, name)
        else:
            told[name] = _integer(item, name)
    return cls(**told)  # type: ignore[arg-type]  # each is of its field's type


def _window(value: Json) -> Window:
    item = _object(value, {"at_ms", "for_ms", "fault"}, "a window")
    at_ms, for_ms = _integer(item, "at_ms"), _integer(item, "for_ms")
    return Window(at_ms, for_ms, fault_from_json(item["fault"]))


def _actions(value: Json, where: str) -> tuple[Action, ...]:
    if not isinstance(value, list):
        raise Malformed(f"{where} is {_short(value)}, not a list of actions")
    actions = []
    for number, item in enumerate(value):
        try:
            actions.append(action_from_json(item))
        except Malformed as error:
            raise Malformed(f"{where}, action {number}: {error}") from error
    return tuple(actions)


def _links(value: Json) -> tuple[Link, ...]:
    if not isinstance(value, list):
        raise Malformed(f"links is {_short(value)}, not a list of pairs")
    links = []
    for pair in value:
        if not (isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)):
            raise Malformed(f"a link is [from, to] by number, not {_short(pair)}")
        links.append((pair[0], pair[1]))
    return tuple(links)


def _weather(value: Json) -> Weather:
    known = {field.name for field in fields(Weather)}
    if not isinstance(value, dict) or not value.keys() <= known:
        raise Malformed(f"weather is {_short(value)}, not some of {', '.join(sorted(known))}")
    return Weather(**{name: _integer(value, name) for name in value}) if value else CLEAR


def _object(value: Json, names: set[str], what: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise Malformed(f"{what} is an object, not {_short(value)}")
    if missing := names - value.keys():
        raise Malformed(f"{what} lacks {' and '.join(sorted(missing))}")
    if unknown := value.keys() - names:
        raise Malformed(f"{what} has no {' or '.join(sorted(map(str, unknown)))}")
    return value


def _integer(item: Mapping[str, Json], name: str) -> int:
    value = item[name]
    if type(value) is not int:
        raise Malformed(f"{name} is {_short(value)}, not an integer")
    return value


def _flag(item: Mapping[str, Json], name: str) -> bool:
    value = item[name]
    if type(value) is not bool:
        raise Malformed(f"{name} is {_short(value)}, neither true nor false")
    return value


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
