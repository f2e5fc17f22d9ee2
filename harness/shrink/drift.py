"""Neighbours of a trial that fails: as large or smaller, and something in it a little different.

Where nothing can be left out any more, there are mostly many other trials of the same size that fail as
well, and of some of those something can. So the search goes on from any neighbour that fails and is no
larger: it drifts, as evolution does on neutral networks (Kimura's), and a part is left out on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeAlias

from harness.errors import UsageError
from harness.shrink.aims import aimed, resolved
from harness.shrink.freeze import asked, script_of, with_faults, with_script
from harness.shrink.merging import OF_DIFFERENT, together
from harness.shrink.search import Search
from harness.shrink.size import MOST_OPS, MOST_WINDOWS
from harness.shrink.targets import renumbered
from harness.shrink.times import PAUSES_RTT, last_begin_ms, squeezed
from harness.trial import Trial
from nemesis.actions import Window
from workloads.script import MS, ScriptedOp

NEAR = 6
"""Windows that are not further from each other may become one."""

Parts: TypeAlias = tuple[list[Window], list[ScriptedOp]]
Change: TypeAlias = Callable[[Random, list[Window], list[ScriptedOp], Trial], Parts]


def drift(search: Search, trials: int, turn: int = 0) -> None:
    """Go from neighbour to neighbour until the trial is small, or so many were tried. Each ``turn`` is other luck."""
    random, more = Random(f"{search.first.seed}/drift/{turn}"), script_of(search.first)
    excess = excess_of(search.best)
    for _ in range(trials):
        if not excess:
            return
        found = neighbour(random, search.best, _ops_of(search), more)
        try:
            smaller = excess_of(found) <= excess
        except UsageError:  # windows that overlap
            continue
        if smaller and search.attempt([found], ()) is not None:
            resolved(search)
            excess = excess_of(search.best)


def excess_of(trial: Trial) -> int:
    """How far from small. A window weighs as much as four ops: there are fewer, and they say more.

    Raises UsageError for windows that cannot be meant.
    """
    windows, ops = len(trial.windows()), len(trial.script() or ())
    return 4 * max(0, windows - MOST_WINDOWS) + max(0, ops - MOST_OPS)


def _ops_of(search: Search) -> list[ScriptedOp]:
    """Those of the best trial, as data even where they are not."""
    best = search.best
    return asked(best, search.look().run) if best.ops is None else script_of(best)


def neighbour(
    random: Random, trial: Trial, ops: Sequence[ScriptedOp], more: Sequence[ScriptedOp]
) -> Trial:
    """One neighbour of a trial with these ops. ``more``: ops that it may have instead, or too."""
    windows, fewer = list(trial.windows()), list(ops)
    if windows and random.random() < 0.5:
        windows = _without_one(random, windows)
    if fewer and random.random() < 0.5:
        share = random.choice((1 / len(fewer), 0.2, 0.5))
        fewer = [op for op in fewer if random.random() > share]
    if more and len(fewer) < MOST_OPS and random.random() < 0.3:
        fewer = _with_others(random, fewer, more, trial)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        windows, fewer = random.choice(CHANGES)(random, windows, fewer, trial)
    windows.sort(key=lambda w: w.at_ms)
    changed = replace(
        with_faults(trial, windows),
        time_ms=_until_ms(
            random, trial, last_begin_ms(trial.windows(), ops), last_begin_ms(windows, fewer)
        ),
        seed=str(random.getrandbits(32)) if random.random() < 0.6 else trial.seed,
        network=Trial.network if random.random() < 0.3 else trial.network,
    )
    return with_script(changed, fewer)


def _until_ms(random: Random, trial: Trial, before_ms: int, last_ms: int) -> int:
    """When it ends: as long after the last thing as it did; at times soon after."""
    if random.random() < 0.2:
        return max(1, last_ms) + random.choice((4, 20, 60)) * trial.rtt_ms
    return max(1, last_ms + trial.time_ms - before_ms)


def _without_one(random: Random, windows: list[Window]) -> list[Window]:
    """One window goes, or becomes one with one that comes soon after it."""
    gone = random.randrange(len(windows))
    rest = [*windows[:gone], *windows[gone + 1 :]]
    if random.random() < 0.3 and gone < len(rest):
        other = random.randrange(gone, min(len(rest), gone + NEAR))
        both = together(windows[gone], rest[other])
        if both is None and len(windows) > MOST_WINDOWS:
            both = random.choice(OF_DIFFERENT)(windows[gone], rest[other])
        if both is not None:
            when = random.choice((both, windows[gone], rest[other]))
            rest[other] = replace(both, at_ms=when.at_ms, for_ms=when.for_ms)
    return rest


def _with_others(
    random: Random, ops: list[ScriptedOp], more: Sequence[ScriptedOp], trial: Trial
) -> list[ScriptedOp]:
    """Up to twelve, some of them near others. No value is written twice."""
    written = {(op.key, str(op.value)) for op in ops if op.value is not None}
    others = [op for op in more if op.value is None or (op.key, str(op.value)) not in written]
    number = random.randint(1, MOST_OPS - len(ops))
    near = [op.at_ns for op in ops] or [op.at_ns for op in others]
    return sorted(
        [
            *ops,
            *(
                op._replace(
                    at_ns=max(0, random.choice(near) + _moved(random, trial) * MS),
                    thread=random.randrange(trial.threads),
                    node=random.randrange(trial.nodes),
                )
                for op in random.sample(others, min(number, len(others)))
            ),
        ],
        key=lambda op: op.at_ns,
    )


def _moved(random: Random, trial: Trial) -> int:
    """A difference of time in ms: small ones as often as large ones."""
    return int((40 * trial.rtt_ms) ** random.random()) * random.choice((-1, 1))


def _one_window(change: Callable[[Random, Window, Trial], Window | None]) -> Change:
    """One of the windows is another, or gone."""

    def changed(
        random: Random, windows: list[Window], ops: list[ScriptedOp], trial: Trial
    ) -> Parts:
        if not windows:
            return windows, ops
        n = random.randrange(len(windows))
        new = change(random, windows[n], trial)
        return [*windows[:n], *([new] if new else []), *windows[n + 1 :]], ops

    return changed


def _moves(random: Random, window: Window, trial: Trial) -> Window:
    return replace(window, at_ms=max(0, window.at_ms + _moved(random, trial)))


def _lasts(random: Random, window: Window, trial: Trial) -> Window:
    return replace(window, for_ms=max(1, window.for_ms + _moved(random, trial)))


def _elsewhere(random: Random, window: Window, trial: Trial) -> Window | None:
    """The nodes that it is about change places."""
    order = list(range(trial.nodes))
    random.shuffle(order)
    return renumbered(window, dict(enumerate(order)))


def _aimed(random: Random, window: Window, trial: Trial) -> Window:  # noqa: ARG001
    """At whoever leads, or at whom chance says."""
    return aimed(window)


def _as_another(
    random: Random,
    windows: list[Window],
    ops: list[ScriptedOp],
    trial: Trial,  # noqa: ARG001  a Change's signature
) -> Parts:
    """One begins, or ends, when another does; or both. What is on together can be one fault."""
    if len(windows) < 2:
        return windows, ops
    n, other = random.sample(range(len(windows)), 2)
    like, window = windows[other], windows[n]
    at_ms = random.choice((window.at_ms, like.at_ms))
    until_ms = max(at_ms + 1, random.choice([w.at_ms + w.for_ms for w in (window, like)]))
    moved = replace(window, at_ms=at_ms, for_ms=until_ms - at_ms)
    return [*windows[:n], moved, *windows[n + 1 :]], ops


def _all_from_then_on(
    random: Random, windows: list[Window], ops: list[ScriptedOp], trial: Trial
) -> Parts:
    """What comes after a moment comes sooner or later."""
    moments = [w.at_ms for w in windows] + [op.at_ns // MS for op in ops]
    if not moments:
        return windows, ops
    then_ms, by_ms = random.choice(moments), _moved(random, trial)
    return (
        [replace(w, at_ms=max(0, w.at_ms + by_ms)) if w.at_ms >= then_ms else w for w in windows],
        [
            op._replace(at_ns=max(0, op.at_ns + by_ms * MS)) if op.at_ns >= then_ms * MS else op
            for op in ops
        ],
    )


def _shorter_pauses(
    random: Random, windows: list[Window], ops: list[ScriptedOp], trial: Trial
) -> Parts:
    """What happens does so closer together."""
    return squeezed(windows, ops, random.choice(PAUSES_RTT) * trial.rtt_ms)


def _op_moves(random: Random, windows: list[Window], ops: list[ScriptedOp], trial: Trial) -> Parts:
    """To another time, and perhaps next to another op, or to where a window opens or closes."""
    if not ops:
        return windows, ops
    n = random.randrange(len(ops))
    near = [op.at_ns // MS for op in ops] + [w.at_ms for w in windows]
    near += [w.at_ms + w.for_ms for w in windows]
    from_ms = random.choice((ops[n].at_ns // MS, random.choice(near)))
    at_ns = max(0, from_ms + _moved(random, trial)) * MS
    return windows, [*ops[:n], ops[n]._replace(at_ns=at_ns), *ops[n + 1 :]]


def _op_elsewhere(
    random: Random, windows: list[Window], ops: list[ScriptedOp], trial: Trial
) -> Parts:
    if not ops:
        return windows, ops
    n = random.randrange(len(ops))
    op = ops[n]._replace(node=random.randrange(trial.nodes))
    if random.random() < 0.3:
        op = op._replace(thread=random.randrange(trial.threads))
    return windows, [*ops[:n], op, *ops[n + 1 :]]


def _ops_together(
    random: Random, windows: list[Window], ops: list[ScriptedOp], trial: Trial
) -> Parts:
    """One after the other from where one of them is, or a window opens or closes."""
    if not ops:
        return windows, ops
    near = [op.at_ns // MS for op in ops] + [w.at_ms for w in windows]
    near += [w.at_ms + w.for_ms for w in windows]
    at_ns = max(0, random.choice(near) + _moved(random, trial)) * MS
    gap_ns = random.choice((0, MS // 4, MS, 2 * MS, 5 * MS))
    return windows, [op._replace(at_ns=at_ns + n * gap_ns) for n, op in enumerate(ops)]


CHANGES = (
    _ops_together,
    _one_window(_aimed),
    _one_window(_moves),
    _one_window(_lasts),
    _one_window(_elsewhere),
    _as_another,
    _all_from_then_on,
    _shorter_pauses,
    _op_moves,
    _op_elsewhere,
)
