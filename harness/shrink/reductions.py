"""What is tried to make a trial smaller, the boldest first, until nothing can go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import combinations
from math import inf

from checker.history import Row
from harness.shrink.again import Again
from harness.shrink.draws import draw
from harness.shrink.drift import drift, excess_of
from harness.shrink.finals import final_as_ops
from harness.shrink.freeze import script_of, with_faults, with_script
from harness.shrink.leaving import leave_out
from harness.shrink.luck import other_luck
from harness.shrink.merging import FEW, one_window_less
from harness.shrink.milder import milder
from harness.shrink.objects import fewer_objects
from harness.shrink.search import Search, Spent
from harness.shrink.size import MOST_OPS, size_of
from harness.shrink.targets import only, renumbered, targets_of
from harness.shrink.times import REDUCTIONS as OF_TIME
from harness.shrink.times import shorter_pauses
from harness.trial import Trial
from nemesis.actions import Window
from workloads.script import MS, ScriptedOp

OTHER_SEEDS = 0, 4, 24
"""How many each candidate is tried with, one round after the other: what is left out changes what
chance does, and another draw may do as well. The later rounds have shorter trials to play."""

DRAWS, DRIFTS, TURNS = 200, 200, 1_000
"""Where leaving out ends with a large trial, so many trials are drawn and so many neighbours tried, by turns."""

FAR = 3 * MOST_OPS
"""A trial that is further from small than this is looked for again, in less, before it is reduced."""

MANY_OPS, OPS_PARTS = 48, 16
"""Of more ops than these no single ones are tried before small trials have been drawn: what needs most of a
hundred ops needs their luck, and each that goes changes it.
"""

MANY_SEEDS = tuple(str(number) for number in range(60))
"""For a guess that is worth it."""

NEAR_MS = 300
"""Of ops that come so long before the evidence, it is first hoped that they do not matter."""

FEW_NODES = 8
"""Up to so many nodes or clients all pairs or sets of them are tried."""


def reduce(search: Search, asked: Trial | None = None) -> None:
    """Make the best trial smaller until nothing can go, or the bounds of the search are reached.

    ``asked``: what was asked for, where the best trial is what came of that.
    """
    again = None if asked is None else Again(search, asked)
    with suppress(Spent):  # what was found until then is kept in search.best
        begin(search, again)
        for count in OTHER_SEEDS:
            search.seeds = tuple(str(number) for number in range(count))
            until_nothing_goes(search, OF_PARTS)
            if not count:
                become_small(search, again)
            smaller_faults(search, most=len(search.best.windows()))
            search.seeds = search.seeds[: OTHER_SEEDS[1]] if count == OTHER_SEEDS[-1] else ()
            for reduction in OF_TIME:
                reduction(search)
        steady_network(search)
        search.seeds = ()
        until_nothing_goes(search, (*OF_PARTS, *OF_TIME))


def begin(search: Search, again: Again | None) -> None:
    """With what comes before the end of the evidence; where that is much, with what is found again in less."""
    _before_the_end(search)
    if again is not None and _far(search.best) > FAR:
        with unless_larger(search):
            if again.finds():
                _before_the_end(search)
                search.first = search.best


def _before_the_end(search: Search) -> None:
    for reduction in (final_as_ops, over_with_the_evidence):
        reduction(search)


def become_small(search: Search, again: Again | None) -> None:
    """By chance, where leaving out parts ended with more than a person can take in.

    A drawn trial is small at once and seldom fails; of neighbours many fail, and few are smaller; and what
    is found again may be left with less. Which gets there first is not known beforehand, so they take turns.
    """
    for turn in range(TURNS):
        if not excess_of(search.best):
            return
        if again is not None:
            with unless_larger(search):
                if again.finds():
                    until_nothing_goes(search, OF_PARTS)
        if excess_of(search.best) and other_luck(search, turn):
            until_nothing_goes(search, OF_PARTS)
        if excess_of(search.best) and draw(search, DRAWS, turn):
            until_nothing_goes(search, OF_PARTS)
        drift(search, DRIFTS, turn)


@contextmanager
def unless_larger(search: Search) -> Iterator[None]:
    """What is taken meanwhile stays the best, unless what was is nearer to being small."""
    before = search.best
    try:
        yield
    finally:
        if _far(search.best) > _far(before):
            search.best = before


def _far(trial: Trial) -> float:
    """How far from small; without end for one whose ops are not written down."""
    return inf if trial.ops is None else excess_of(trial)


def until_nothing_goes(search: Search, reductions: Sequence[Callable[[Search], None]]) -> None:
    """All reductions, as often as that leaves the trial with fewer parts."""
    before = None
    while (now := size_of(search.best)._replace(time_ms=0)) != before:
        before = now
        for reduction in reductions:
            reduction(search)


# --- clients and their ops ------------------------------------------------------------------------


def ops_that_matter(search: Search) -> None:
    """Only the ops that the evidence speaks of, or of its keys, or those before its end."""
    ops, evidence = script_of(search.best), evidence_of(search)
    if not ops or not evidence:
        return
    first_ns, last_ns = evidence[0].time_ns, max(row.time_ns for row in evidence)
    keys = [row.key for row in evidence if row.process >= 0]
    before = [op for op in ops if op.at_ns <= last_ns]
    near = [op for op in before if op.at_ns >= first_ns - NEAR_MS * MS]
    for some, seeds in (
        (asked_in(evidence, search.best), MANY_SEEDS[:20]),
        ([op for op in near if op.key in keys], MANY_SEEDS[:8]),
        ([op for op in before if op.key in keys], MANY_SEEDS[:4]),
        (before, ()),
    ):
        fewer = with_script(search.best, some)
        if len(some) < len(ops) and search.attempt([fewer], (*search.seeds, *seeds)) is not None:
            return


def evidence_of(search: Search) -> list[Row]:
    """The rows that the verdict on the best trial rests on."""
    played = search.look()
    return [played.run.rows[i] for i in played.results.checks[search.check].evidence]


def asked_in(evidence: Sequence[Row], trial: Trial) -> list[ScriptedOp]:
    """The ops of the trial that were invoked in these rows."""
    asked = {(row.time_ns, row.process % trial.threads): 0 for row in evidence}
    return [op for op in script_of(trial) if (op.at_ns, op.thread) in asked]


def evidence_close_together(search: Search) -> None:
    """A guess for bugs that need luck more than circumstances: the ops of the evidence alone, when
    they were or one after the other within a few ms, with many seeds.
    """
    trial = search.best
    ops = asked_in(evidence_of(search), trial)
    if not search.seeds or not ops or (len(ops) == len(script_of(trial)) and not trial.windows()):
        return
    calm = with_faults(trial, [])
    candidates = [
        with_script(calm, [op._replace(at_ns=n * gap_ms * MS) for n, op in enumerate(ops)])
        for gap_ms in (1, 2, 4)
    ]
    search.attempt([*candidates, with_script(trial, ops)], MANY_SEEDS)


def over_with_the_evidence(search: Search) -> None:
    """The trial ends where the evidence does: what comes after it can have had no part in it."""
    trial, evidence = search.best, evidence_of(search)
    if not evidence:
        return
    time_ms = max(row.time_ns for row in evidence) // MS + 1
    if time_ms < trial.time_ms:
        cut = _cut_to(trial, time_ms)
        search.attempt([replace(cut, final=False), cut])


def _cut_to(trial: Trial, time_ms: int) -> Trial:
    """Only what begins before then."""
    plan = [window for window in trial.windows() if window.at_ms < time_ms]
    cut = replace(with_faults(trial, plan), time_ms=time_ms)
    ops = [op for op in script_of(trial) if op.at_ns < time_ms * MS]
    return cut if trial.ops is None else with_script(cut, ops)


def shorter_history(search: Search) -> None:
    """Only what happens in the first half, quarter ... of the time."""
    for share in (16, 8, 4, 2):
        time_ms = search.best.time_ms // share
        if time_ms >= 1 and search.attempt([_cut_to(search.best, time_ms)]) is not None:
            return


def some_ops(search: Search, *, parts: int = 0) -> None:
    """Some ops go, then single ones; ``parts`` as of ``leave_out``."""
    leave_out(
        search,
        lambda: script_of(search.best),
        lambda ops: with_script(search.best, ops),
        parts=parts,
    )


def large_parts(search: Search) -> None:
    """Eighths of the windows go, and of the ops: the fewer there are of one, the sooner are trials
    played in which some of the other are missing.
    """
    for _ in range(2):
        fewer_windows(search, parts=8)
        if search.best.ops is not None:
            some_ops(search, parts=8)


def fewer_ops(search: Search) -> None:
    """All ops of a key or of a client go; then some, then single ones, unless there are many."""
    if search.best.ops is None:
        return
    for trait in (lambda op: op.key, lambda op: op.thread):
        leave_out(
            search,
            lambda trait=trait: sorted({trait(op) for op in script_of(search.best)}),  # type: ignore[misc]
            lambda kept, trait=trait: with_script(  # type: ignore[misc]
                search.best, [op for op in script_of(search.best) if trait(op) in kept]
            ),
        )
    some_ops(search, parts=OPS_PARTS if len(script_of(search.best)) > MANY_OPS else 0)


def fewer_clients(search: Search) -> None:
    """Clients without ops go; the ops of one are given to another."""
    trial = search.best
    ops = script_of(trial)
    used = sorted({op.thread for op in ops})
    if trial.ops is None or not used:
        _smaller(search, "threads")
        return
    if len(used) < trial.threads:
        numbers = {thread: number for number, thread in enumerate(used)}
        renamed = [op._replace(thread=numbers[op.thread]) for op in ops]
        fewer = replace(trial, threads=len(used))
        if search.attempt([with_script(fewer, renamed)]) is not None:
            fewer_clients(search)
        return
    if len(used) > FEW_NODES:
        return
    merged = [
        [op._replace(thread=into) if op.thread == gone else op for op in ops]
        for gone in reversed(used)
        for into in used
        if into < gone
    ]
    if search.attempt([with_script(trial, some) for some in merged]) is not None:
        fewer_clients(search)


def fewer_keys(search: Search) -> None:
    """Only as many keys as are used, under the first names; without a script, just fewer."""
    trial = search.best
    ops = script_of(trial)
    if trial.ops is None:
        _smaller(search, "rate", least=1)
        _smaller(search, "keys")
        return
    used = dict.fromkeys(op.key for op in ops)
    names = {key: f"r{number}" for number, key in enumerate(used)}
    renamed = [op._replace(key=names[op.key]) for op in ops]
    fewer = replace(trial, keys=max(1, len(used)))
    candidates = [with_script(fewer, renamed), fewer]
    search.attempt([candidate for candidate in candidates if candidate != trial])


def plainer_values(search: Search) -> None:
    """The numbers that clients write become 1, 2, 3 ... in the order of their first use."""
    trial = search.best
    numbers: dict[int, int] = {}

    def plainer(value: object) -> object:
        if type(value) is int:
            return numbers.setdefault(value, len(numbers) + 1)
        return [plainer(item) for item in value] if isinstance(value, list) else value

    ops = [op._replace(value=plainer(op.value)) for op in script_of(trial)]
    if ops and ops != script_of(trial):
        search.attempt([with_script(trial, ops)])


def _smaller(search: Search, name: str, least: int = 1) -> None:
    """A number of the trial, as small as can be: 1, 2, 4 ... before its own."""
    now, value = getattr(search.best, name), least
    values = []
    while value < now:
        values.append(value)
        value *= 2
    search.attempt([replace(search.best, **{name: value}) for value in values])  # type: ignore[arg-type]


# --- faults and the world -------------------------------------------------------------------------


def fewer_windows(search: Search, *, parts: int = 0) -> None:
    """Some windows go, then single ones; ``parts`` as of ``leave_out``."""
    leave_out(
        search,
        lambda: list(search.best.windows()),
        lambda plan: with_faults(search.best, plan),
        parts=parts,
    )


def merged_windows(search: Search) -> None:
    """Two windows of the same fault are one; so are two of different faults, where there are too many."""
    while True:
        plans = one_window_less(search.best.windows())
        if search.attempt([with_faults(search.best, some) for some in plans]) is None:
            return


def smaller_faults(search: Search, *, most: int = FEW) -> None:
    """Each window hits fewer nodes or links; and does less to those. Not with more than ``most``
    windows: some of them will go, or their luck will.
    """
    if len(search.best.windows()) > most:
        return
    for number in reversed(range(len(search.best.windows()))):

        def targets(number: int = number) -> list[object]:
            return list(targets_of(search.best.windows()[number].fault))

        def build(kept: list[object], number: int = number) -> Trial:
            plan = list(search.best.windows())
            return with_faults(search.best, _put(plan, number, only(plan[number], kept)))  # type: ignore[arg-type]

        windows = len(search.best.windows())
        if len(targets()) > 1:
            leave_out(search, targets, build)
        plan = list(search.best.windows())
        if len(plan) < windows:
            continue
        less = [_put(plan, number, window) for window in milder(plan[number])]
        search.attempt([with_faults(search.best, some) for some in less])


def _put(plan: Sequence[Window], number: int, window: Window | None) -> list[Window]:
    """The plan with another window in this place, or without it."""
    return [*plan[:number], *([] if window is None else [window]), *plan[number + 1 :]]


def kinder_world(search: Search) -> None:
    """Nothing asked at the end; a network that loses nothing; none of the options."""
    trial = search.best
    if trial.final:
        search.attempt([replace(trial, final=False)])
    if search.best.network == Trial.network:
        search.attempt([replace(search.best, network="perfect")])
    for name in trial.options:
        rest = {n: v for n, v in search.best.options.items() if n != name}
        search.attempt([replace(search.best, options=rest)])


def smaller_options(search: Search) -> None:
    """Numbers among the options, as small as can be: what comes after 20 entries may come after 2."""
    for name, value in search.best.options.items():
        if value.isdigit():
            less = [n for n in (1, 2, 3, 5, 8, 12, 20, 50) if n < int(value)]
            options = [{**search.best.options, name: str(n)} for n in less]
            search.attempt([replace(search.best, options=some) for some in options])


def steady_network(search: Search) -> None:
    """Every message takes the same time. Only at the end: before, other seeds mean other delays."""
    if search.best.network != "steady":
        search.attempt([replace(search.best, network="steady")])


def fewer_nodes(search: Search) -> None:
    """The cluster without some nodes, and without what was asked of them; or moved elsewhere."""
    trial = search.best
    if trial.ops is None:
        return
    sizes = range(1, trial.nodes) if trial.nodes <= FEW_NODES else [trial.nodes - 1]
    candidates = []
    for size in sizes:
        for kept in combinations(range(trial.nodes), size):
            candidates += [_among(trial, kept, move=move) for move in (False, True)]
    search.attempt(list({c.command("sim"): c for c in candidates}.values()))


def _among(trial: Trial, kept: tuple[int, ...], *, move: bool) -> Trial:
    """The trial on these nodes alone. ``move``: what was asked of others is asked of the first."""
    numbers = {node: number for number, node in enumerate(kept)}
    plan = [new for w in trial.windows() if (new := renumbered(w, numbers)) is not None]
    ops = [
        op._replace(node=numbers.get(op.node or 0, 0))
        for op in script_of(trial)
        if move or op.node in numbers
    ]
    return with_script(replace(with_faults(trial, plan), nodes=len(kept)), ops)


OF_PARTS: tuple[Callable[[Search], None], ...] = (
    final_as_ops,
    over_with_the_evidence,
    ops_that_matter,
    shorter_history,
    large_parts,
    shorter_pauses,
    fewer_windows,
    kinder_world,
    smaller_options,
    evidence_close_together,
    fewer_ops,
    shorter_pauses,
    fewer_windows,
    merged_windows,
    smaller_faults,
    fewer_clients,
    fewer_nodes,
    fewer_objects,
    fewer_keys,
    plainer_values,
)
