"""Small trials drawn at random from the parts of a large one that fails.

Leaving parts out one after the other ends where the failure needs all that is left, as it happens to be:
a window that only makes a message late, which luck may do as well, is kept for good. So trials of the
size that is hoped for are made of a few of the windows and ops that there are, put near each other, each
with luck of its own; from the first that fails on, parts are left out again. It is QuickCheck's "small
first" (Claessen, Hughes, ICFP 2000), with what is known to fail as the source of parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from random import Random

from harness.shrink.aims import aimed, resolved
from harness.shrink.freeze import script_of, with_faults, with_script
from harness.shrink.search import Search
from harness.shrink.size import MOST_OPS, MOST_WINDOWS
from harness.trial import Trial
from nemesis.actions import Plan, Window
from workloads.script import MS, ScriptedOp

BATCH = 8

CLIENTS = 4
"""Among so many clients at most are the ops of a drawn trial shared out."""


def draw(search: Search, trials: int, turn: int = 0) -> bool:
    """Try so many drawn trials, by turns of the best one's parts and the first one's; whether one fails.

    Each ``turn`` has other ones.
    """
    sources = [
        draws(trial, script_of(trial), from_=turn * trials) for trial in (search.best, search.first)
    ]
    for _ in range(0, trials, BATCH * len(sources)):
        for source in sources:
            if search.attempt(list(islice(source, BATCH)), ()) is not None:
                resolved(search)
                return True
    return False


def draws(trial: Trial, ops: Sequence[ScriptedOp], *, from_: int = 0) -> Iterator[Trial]:
    """Trials made of this one's windows and of ``ops``, without end, from the so-manieth on.

    Of at most ``MOST_WINDOWS`` and ``MOST_OPS``, and never more of either than there is.
    """
    plan = trial.windows()
    for number in count(from_):
        random = Random(f"{trial.seed}/draw/{number}")
        few = len(plan) <= MOST_WINDOWS and random.random() < 0.5
        windows = list(plan) if few else _some_windows(random, plan, trial.rtt_ms)
        if random.random() < 0.5:
            windows = [aimed(window) for window in windows]
        fewer = _some_ops(random, ops, windows, trial)
        ends = [w.at_ms + w.for_ms for w in windows] + [op.at_ns // MS for op in fewer]
        sized = replace(
            with_faults(trial, windows),
            time_ms=max(0, *ends) + 1 + random.choice((4, 20, 60)) * trial.rtt_ms,
            threads=max((op.thread for op in fewer), default=0) + 1,
            network=random.choice((trial.network, Trial.network)),
            seed=str(number),
        )
        yield with_script(sized, fewer)


def _some_windows(random: Random, plan: Plan, rtt_ms: int) -> list[Window]:
    """Some that follow each other, or any; as they were, or closer together."""
    number = min(len(plan), random.choice((MOST_WINDOWS, MOST_WINDOWS, 2, 1)))
    if random.random() < 0.5:
        first = random.randint(0, len(plan) - number)
        chosen = list(plan[first : first + number])
    else:
        chosen = sorted(random.sample(list(plan), number), key=lambda w: w.at_ms)
    if not chosen:
        return []
    if random.random() < 0.5:
        chosen = _closer(random, chosen, rtt_ms)
    lead_ms = _spread(random, 2 * rtt_ms, 80 * rtt_ms)
    return [replace(w, at_ms=w.at_ms - chosen[0].at_ms + lead_ms) for w in chosen]


def _closer(random: Random, windows: Sequence[Window], rtt_ms: int) -> list[Window]:
    """Each begins soon after another did, or ended, and some are shorter or longer."""
    placed: list[Window] = []
    for window in windows:
        for_ms = random.choice((window.for_ms, _spread(random, 1, 2 * window.for_ms)))
        at_ms = 0
        if placed:
            other = random.choice(placed)
            after_ms = random.choice((other.at_ms, other.at_ms + other.for_ms))
            at_ms = max(placed[-1].at_ms, after_ms + _spread(random, 0, 10 * rtt_ms))
        placed.append(replace(window, at_ms=at_ms, for_ms=for_ms))
    return placed


def _some_ops(
    random: Random, ops: Sequence[ScriptedOp], windows: Sequence[Window], trial: Trial
) -> list[ScriptedOp]:
    """Some that follow each other, or any, in their order, of other clients, at other nodes and times."""
    number = random.randint(min(1, len(ops)), min(len(ops), MOST_OPS))
    if random.random() < 0.5:
        first = random.randint(0, len(ops) - number)
        chosen = list(ops[first : first + number])
    else:
        chosen = [ops[i] for i in sorted(random.sample(range(len(ops)), number))]
    times_ns = sorted(_times_ns(random, number, windows, trial.rtt_ms))
    clients = random.randint(1, CLIENTS)
    return [
        op._replace(
            at_ns=at_ns,
            thread=random.randrange(clients),
            node=random.randrange(trial.nodes) if random.random() < 0.7 else op.node,
        )
        for op, at_ns in zip(chosen, times_ns, strict=True)
    ]


def _times_ns(random: Random, number: int, windows: Sequence[Window], rtt_ms: int) -> Iterator[int]:
    """Near where windows open and close, with the one before, or anywhere."""
    edges = [t for w in windows for t in (w.at_ms, w.at_ms + w.for_ms)] or [10 * rtt_ms]
    until_ms = max(edges) + 20 * rtt_ms
    at_ns = 0
    for place in range(number):
        how = random.random()
        if place and how < 0.3:
            at_ns += random.choice((0, MS // 4, MS))
        elif how < 0.8:
            near_ms = _spread(random, 0, 12 * rtt_ms) * random.choice((-1, 1))
            at_ns = max(0, random.choice(edges) + near_ms) * MS
        else:
            at_ns = random.randrange(until_ms) * MS
        yield at_ns


def _spread(random: Random, least: int, most: int) -> int:
    """A number of this range, near its lower end as often as near its upper."""
    return least + int((most - least + 1) ** random.random()) - 1
