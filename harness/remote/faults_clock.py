"""Faults of clocks: the page of each node is written, and its process asked for its time before and after.

What it answers is compared with the host's clocks at the same moment (``harness.node.clock``: ``look``),
by a program on the host, so that neither the network nor any other clock has a part in it.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from harness.errors import CapabilityError
from harness.node import clock as clock_module
from harness.remote.faults_process import Processes
from harness.remote.faults_record import Json, Proof, complaints, proof
from harness.remote.seam import Completed, Remote, on_all, raise_first
from harness.systems.kernel import ClockPage, HasClock
from nemesis.actions import Action, BumpClock, ClockAction, ResetClock, SetDrift, StrobeClock
from nemesis.shell import Argv, Facts

Send: TypeAlias = Callable[[Sequence[Action]], dict[int, Completed]]

SAMPLES, SAMPLES_OF_STROBE = 20, 40
"""Nearly 4 ms apart: the latter over more than the longest period of a strobe."""
PATIENCE_S = 5.0
"""A process that was just started does not answer at once."""
AGAIN_S = 2.0
"""So long a process is asked again that does not say what it must: on a busy machine whoever asks and who answers
run by the ticks of its scheduler, of which a strobe in step with them shows one side only."""

_SILENT = ("stopped", "gone")
"""States of a process that cannot answer: there the page's word counts, until it can."""

NEAR_MS = 1.0
_NEAR_PPM = 100
MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """How far the clocks of a process are ahead of the host's, in ms, at a moment (in ms) of its."""

    at_ms: float
    wall_ms: float
    monotonic_ms: float


Asked: TypeAlias = list[Sample] | str
"""What a process said of its time, or what it is like that it did not."""


def clock_program(remote: Remote, folder: str, page: ClockPage) -> Argv:
    """What is typed to write this page, without what to write."""
    name = str(clock_module.__file__).rpartition("/")[2]
    return (remote.host.python, f"{folder}/{name}", page.path)


class Clocks:
    """The clocks of the nodes. ``wrong`` are those that are not known to be right again."""

    def __init__(self, remotes: Mapping[int, Remote], processes: Processes) -> None:
        self.remotes, self.processes = remotes, processes
        self.wrong: set[int] = set()

    def change(self, actions: Sequence[ClockAction], send: Send, facts: Facts) -> list[Proof]:
        """Carry the actions out; ask each process before and after.

        Raises CapabilityError where nobody has said how the clocks of the system are set wrong.
        """
        by_node: dict[int, list[ClockAction]] = defaultdict(list)
        for action in actions:
            if not facts.hosts[action.node].clock:
                name = self.processes.system.name
                raise CapabilityError(f"{name}: nobody has said how its clocks are set wrong")
            by_node[action.node].append(action)
        before = raise_first(on_all(dict.fromkeys(by_node), lambda node: self._ask(node, facts, 1)))
        self.wrong |= set(by_node)
        done = send(actions)
        after = raise_first(
            on_all(
                dict.fromkeys(by_node), lambda n: self._ask_until(n, facts, by_node[n], before[n])
            )
        )
        self.wrong -= {node for node, all_ in by_node.items() if isinstance(all_[-1], ResetClock)}
        proofs = []
        for action in actions:
            node = action.node
            bit, saw = after[node]
            if isinstance(saw, str):
                bit, saw = saw in _SILENT, {"hidden by a process that is": saw}
            failed = complaints({node: done[node]})
            proofs.append(proof(action, "clock", saw | failed, bit and not failed))
        return proofs

    def prove_right(self, node: int, facts: Facts) -> list[Proof]:
        """After a heal: a clock that was wrong is right."""
        if node not in self.wrong:
            return []
        bit, saw = self._ask_until(node, facts, [ResetClock(node)], "not asked")
        if isinstance(saw, str):
            saw = {"the process is": saw}
        if bit:
            self.wrong.discard(node)
        return [proof(ResetClock(node), "clock", saw, bit)]

    def _page(self, node: int) -> ClockPage:
        assert isinstance(self.processes.system, HasClock)
        return self.processes.system.clock(node)

    def _ask_until(
        self, node: int, facts: Facts, actions: Sequence[ClockAction], before: Asked
    ) -> tuple[bool, dict[str, Json] | str]:
        """Whether the process' clocks come to be as these actions say, and what it said last; its state, not
        bitten, where it cannot answer.
        """
        known = None if isinstance(before, str) else before[0]
        both, deadline = self._page(node).port is not None, time.monotonic() + AGAIN_S
        while True:
            asked = self._ask(node, facts, _count(actions))
            if isinstance(asked, str):
                return False, asked
            bit, saw = seen(actions, known, asked, both=both)
            if bit or time.monotonic() > deadline:
                return bit, saw

    def _ask(self, node: int, facts: Facts, count: int) -> Asked:
        """What the process says, so many times; or in which state it is, where it cannot answer."""
        remote, port = self.remotes[node], self._page(node).port or 0
        argv = (*facts.hosts[node].clock, "look", str(port), str(count))
        deadline = time.monotonic() + PATIENCE_S
        while True:
            state = self.processes.look(node)
            if state in _SILENT:
                return state
            done = remote.run(argv, check=False)
            if done.status == 0:
                return [Sample(*(ns / MS for ns in each)) for each in json.loads(done.stdout)]
            if time.monotonic() > deadline:
                return f"running, and does not say what time it is: {done.stderr.strip()[-200:]}"


def _count(actions: Sequence[ClockAction]) -> int:
    strobes = any(isinstance(action, StrobeClock) for action in actions)
    return SAMPLES_OF_STROBE if strobes else SAMPLES


def seen(
    actions: Sequence[ClockAction],
    before: Sample | None,
    after: Sequence[Sample],
    *,
    both: bool = True,
) -> tuple[bool, dict[str, Json]]:
    """Whether the process' clocks are as the actions upon them say, and what they are like.

    ``before``: None where the process could not be asked; then its wall clock is taken to have been right.
    ``both``: whether the monotonic clock drifts with the wall clock.
    """
    base_ms = 0.0 if before is None else before.wall_ms
    strobe_ms, ppm = 0, 0
    for action in actions:
        match action:
            case BumpClock(_, ms):
                base_ms += ms
            case StrobeClock(_, ms, _):
                strobe_ms, ppm = ms, 0
            case SetDrift(_, amount):
                strobe_ms, ppm = 0, amount
            case ResetClock():
                base_ms, strobe_ms, ppm = 0.0, 0, 0
            case _:
                assert_never(action)
    first, last = after[0], after[-1]
    passed_ms = last.at_ms - first.at_ms
    since_ms = PATIENCE_S * 1000 if before is None else first.at_ms - before.at_ms
    near_ms = NEAR_MS + abs(ppm) * since_ms / 1e6
    walls = [sample.wall_ms - ppm * (sample.at_ms - first.at_ms) / 1e6 for sample in after]
    low_ms, high_ms = sorted((base_ms, base_ms + strobe_ms))
    there = abs(min(walls) - low_ms) <= near_ms and abs(max(walls) - high_ms) <= near_ms
    paces = {"monotonic": (last.monotonic_ms - first.monotonic_ms) / passed_ms * 1e6}
    if not strobe_ms:
        paces["wall"] = (last.wall_ms - first.wall_ms) / passed_ms * 1e6
    if not both:
        del paces["monotonic"]
    paced = all(abs(pace - ppm) <= _NEAR_PPM + abs(ppm) / 100 for pace in paces.values())
    saw: dict[str, Json] = {
        "before_ms": None if before is None else round(before.wall_ms, 3),
        "ahead_ms": [round(pick(sample.wall_ms for sample in after), 3) for pick in (min, max)],
        "pace_ppm": {clock: round(pace) for clock, pace in paces.items()},
        "asked": len(after),
    }
    return there and paced, saw
