"""What the page sends as an act, taken apart: which input of the session it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from harness.errors import UsageError
from harness.play.session import Session
from harness.play.view import weather_words
from harness.report.conversation import action_words
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
    Pause,
    ResetClock,
    Restore,
    Resume,
    SetDrift,
    Shape,
    SlowDisk,
    Start,
    StrobeClock,
    Wipe,
)
from nemesis.encoding import Malformed, action_from_json, action_to_json

Json = object


def perform(session: Session, step: int, act: Mapping[str, Json]) -> None:
    """Carry out an act at a step. Raises UsageError for what is no act, or cannot be done."""
    match act:
        case {"do": "ask", "f": str(f), "key": str(key), "value": value, "node": int(node)}:
            session.ask(step, f, key, value, node)
        case {"do": "cure", "at_ms": int(at_ms), "name": str(name)}:
            session.cure(step, at_ms, name)
        case {"do": "finish"}:
            session.finish(step)
        case {"do": "forget"}:
            session.forget()
        case {"do": "ask" | "cure"}:
            raise UsageError(f"{act['do']} lacks something, or has it of another type: {dict(act)}")
        case _:
            session.break_(step, fault_of(act))


def fault_of(act: Mapping[str, Json]) -> Fault:
    """The fault that begins with this action, as a plan has it in JSON. Raises UsageError.

    >>> fault_of({"do": "kill", "node": 1})
    Fault(name='kill n2', begin=(Kill(node=1),), end=(Start(node=1),))
    """
    try:
        action = action_from_json(dict(act))
    except Malformed as error:
        raise UsageError(str(error)) from error
    if isinstance(action, Cut):
        name = f"cut {links_words(action.links)}"
    elif isinstance(action, Shape):
        name = f"{weather_words(action.weather)} on {links_words(action.links)}"
    else:
        name = action_words(action_to_json(action))
    return Fault(name, (action,), () if isinstance(action, Lead) else cures_of(action))


def links_words(links: Sequence[Link]) -> str:
    """Links in few words: those between two groups as the groups, those both ways once.

    >>> links_words([(0, 2), (2, 0), (1, 2), (2, 1)]), links_words([(0, 1), (1, 0)]), links_words([(0, 1)])
    ('n1,n2 | n3', 'n1-n2', 'n1→n2')
    """
    there = set(links)
    one_way = sorted(link for link in there if link[::-1] not in there)
    both = sorted(link for link in there if link[::-1] in there and link[0] < link[1])
    if both and not one_way:
        first = both[0]
        ones = sorted(src for src, dst in there if dst == first[1])
        others = sorted(dst for src, dst in there if src == first[0])
        if len(both) > 1 and there == {k for a in ones for b in others for k in ((a, b), (b, a))}:
            return " | ".join(",".join(f"n{n + 1}" for n in group) for group in (ones, others))
    said = [f"n{a + 1}-n{b + 1}" for a, b in both] + [f"n{a + 1}→n{b + 1}" for a, b in one_way]
    return " ".join(said)


def cures_of(action: Action) -> tuple[Action, ...]:
    """What undoes it: for most an action. Raises UsageError for what is a cure itself.

    >>> cures_of(FillDisk(0, 0))
    (FreeDisk(node=0), Start(node=0))
    """
    match action:
        case Cut(links):
            return (Mend(links),)
        case Shape(links, weather) if weather != CLEAR:
            return (Shape(links, CLEAR),)
        case Kill(node) | LoseUnsynced(node) | Wipe(node):
            return (Start(node),)
        case Pause(node):
            return (Resume(node),)
        case SlowDisk(node, ms) if ms:
            return (SlowDisk(node, 0),)
        case Corrupt(node):
            return (Restore(node),)
        case FillDisk(node):
            return FreeDisk(node), Start(node)
        case BumpClock(node) | StrobeClock(node) | SetDrift(node):
            return (ResetClock(node),)
        case Join(node):
            return (Leave(node),)
        case Leave(node):
            return (Join(node),)
        case Lead():
            raise UsageError("a handover has no cure: it breaks nothing")
        case (
            Mend()
            | Shape()
            | Start()
            | Resume()
            | SlowDisk()
            | Restore()
            | FreeDisk()
            | ResetClock()
        ):
            raise UsageError("that ends a fault: the act for it is cure")
        case _:
            assert_never(action)
