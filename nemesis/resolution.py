"""From a fault's name to the fault: the table ``nemesis.FAULTS``, or an import string of the user's own."""

from __future__ import annotations

import difflib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from random import Random
from typing import TypeAlias, cast

from nemesis import FAULTS, SCENARIOS
from nemesis.actions import Fault, Plan, Window
from nemesis.scenario import Stage

Factory: TypeAlias = Callable[..., object]
"""``(random, nodes, leaders) -> Fault``: ``leaders`` are the nodes that believe to lead, if any.

One that has more parameters, by these names, is given the ``zones`` of the nodes, by their numbers, the
``members`` now, and the nodes that are ``down``.
"""


class NotAFault(ValueError):  # noqa: N818
    """An import string names something that is no factory of faults."""


@cache
def factory(name: str) -> Factory:
    """The factory that ``name`` means: a row of the table, or ``package.module:attribute``.

    Raises ValueError, with the nearest names, if there is none.

    >>> factory("partiton-halves")
    Traceback (most recent call last):
    ValueError: no fault is called 'partiton-halves': did you mean partition-halves?
    """
    place = FAULTS.get(name) or SCENARIOS.get(name, name)
    if ":" not in place:
        near = difflib.get_close_matches(name, [*FAULTS, *SCENARIOS], n=3, cutoff=0.8)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(FAULTS)}"
        raise ValueError(f"no fault is called {name!r}: {hint}")
    try:
        found = pkgutil.resolve_name(place)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"fault {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise NotAFault(f"fault {name!r} is {found!r}, not a function to a Fault")
    return cast("Factory", found)


def resolve(
    name: str,
    random: Random,
    nodes: Sequence[int],
    leaders: Sequence[int] = (),
    zones: Sequence[str] = (),
    *,
    members: Sequence[int] | None = None,
    down: Sequence[int] = (),
) -> Fault:
    """What the fault ``name`` means now: targets drawn with ``random``, and from who leads.

    ``zones`` has the zone of each node, by its number; none: nobody knows. ``members`` None: all
    nodes. The same arguments and the same state of ``random`` give the same Fault. Raises ValueError for an unknown name, and where
    ``nodes`` or their zones are too few for the fault.
    """
    make = factory(name)
    if is_scenario(name):
        raise NotAFault(f"{name} is a scenario, of several windows: it is for a plan (--nemesis)")
    told = (random, tuple(sorted(nodes)), tuple(sorted(leaders)))
    more: dict[str, tuple[object, ...]] = {
        "zones": tuple(zones),
        "members": tuple(sorted(nodes if members is None else members)),
        "down": tuple(sorted(down)),
    }
    wanted = parameters(name)
    fault = make(*told, **{name: value for name, value in more.items() if name in wanted})
    if not isinstance(fault, Fault):
        raise NotAFault(f"fault {name!r} made {fault!r}, which is no Fault")
    return fault


@cache
def parameters(name: str) -> Collection[str]:
    """Those of a fault's factory. Kept, since to look takes longer than to make most faults."""
    return frozenset(inspect.signature(factory(name)).parameters)


def by_members(name: str) -> bool:
    """Whether this fault depends on who is a member now.

    >>> by_members("membership-leave"), by_members("kill-one")
    (True, False)
    """
    return "members" in parameters(name)


def is_scenario(name: str) -> bool:
    """Whether it stands for several windows, which are played in a ``stage``.

    >>> is_scenario("relay-kill"), is_scenario("kill-one")
    (True, False)
    """
    return "stage" in parameters(name)


def played_out(plan: Plan, seed: str, nodes: Sequence[int], rtt_ms: int) -> Plan:
    """The plan with each window of a scenario in the place of that name, sorted by time.

    What a scenario draws depends on the ``seed`` and on when it begins, and on nothing else in the plan. Raises
    ValueError for an unknown name, and for too few nodes.
    """
    if not any(isinstance(w.fault, str) and is_scenario(w.fault) for w in plan):
        return plan
    windows: list[Window] = []
    for window in plan:
        if isinstance(window.fault, str) and is_scenario(window.fault):
            stage = Stage(window.at_ms, window.for_ms, rtt_ms)
            windows += scenario(
                window.fault, Random(f"{seed}/scenario/{window.at_ms}"), nodes, stage
            )
        else:
            windows.append(window)
    return tuple(sorted(windows, key=lambda window: window.at_ms))


def scenario(name: str, random: Random, nodes: Sequence[int], stage: Stage) -> Sequence[Window]:
    """The windows of a scenario, by time. Raises ValueError for too few nodes."""
    windows = factory(name)(random, tuple(sorted(nodes)), stage)
    return sorted(cast("Iterable[Window]", windows), key=lambda window: window.at_ms)
