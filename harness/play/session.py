"""A trial that people look at and change: where they may go, what they did, and what is wrong by then.

Pure: the same trial and the same inputs at the same events give the same moments. Whatever cannot be
done raises UsageError, with a sentence for the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from checker.history import INVOKE, History
from harness.errors import UsageError
from harness.judge import Results, judge
from harness.play.inputs import (
    MS,
    Ask,
    Break,
    Cure,
    Finish,
    Input,
    ends_of,
    is_frozen,
    own_now,
    trial_with,
)
from harness.play.timeline import Moment, Timeline
from harness.shrink.freeze import freeze
from harness.simulated import play
from harness.trial import Trial
from nemesis.actions import Fault
from nemesis.plan import concern_the_same
from workloads.script import ScriptedOp

ASKED_AFTER_NS = 1_000
"""An op that is asked for at an event is asked for so much later: by then the event is over."""


class Session:
    """``trial`` has all that was done; ``timeline`` plays it. ``version`` counts the changes.

    One ``by_hand`` does not go on to the end of the clients' time by itself, when nothing happens:
    it waits for what people do.
    """

    def __init__(self, base: Trial, *, by_hand: bool = False) -> None:
        self._base, self._by_hand = base, by_hand
        self._thaw: Trial | None = None if is_frozen(base) else base
        """The trial as it was before anything was done to it, where its ops or targets are drawn."""
        self.inputs: list[Input] = []
        self.timeline = Timeline(base, holds=by_hand)
        self.version = 0

    @property
    def trial(self) -> Trial:
        return self.timeline.trial

    # --- what people do ---------------------------------------------------------------------------

    def ask(self, step: int, f: str, key: str, value: object, node: int) -> None:
        """Let a client that is free ask ``node`` for this, right after event ``step``."""
        now, before = self._at(step)
        trial = self.trial
        commands = trial.made_workload().commands
        if commands and f not in commands:
            raise UsageError(f"workload {trial.workload} asks for {', '.join(commands)}, not {f!r}")
        if not 0 <= node < trial.nodes:
            raise UsageError(f"there is no node n{node + 1}")
        waiting = [
            made.op for made in before if isinstance(made, Ask) and made.op.at_ns > now.time_ns
        ]
        at_ns = max([now.time_ns, *(op.at_ns for op in waiting)]) // ASKED_AFTER_NS
        at_ns = (at_ns + 1) * ASKED_AFTER_NS
        busy = self._busy(now) | {op.thread for op in waiting}
        free = [thread for thread in range(trial.threads) if thread not in busy]
        if not free:
            raise UsageError("every client waits for an answer: let time pass first")
        thread = min(free, key=lambda t: (t % trial.nodes != node, t))
        self._do(now, [*before, Ask(now.step, ScriptedOp(at_ns, thread, f, key, value, node))])

    def _busy(self, now: Moment) -> set[int]:
        """The client threads whose op has not ended."""
        busy: set[int] = set()
        for row in self.timeline.rows(now.rows):
            if row.process >= 0:
                thread = row.process % self.trial.threads
                (busy.add if row.type == INVOKE else busy.discard)(thread)
        return busy

    def break_(self, step: int, fault: Fault) -> None:
        """Begin a fault at the next whole millisecond; what it takes the place of is cured then."""
        now, before = self._at(step)
        own, at_ms = self._frozen().windows(), self._soon_ms(now)
        if clash := own_now(own, fault, at_ms):
            name = clash.fault if isinstance(clash.fault, str) else clash.fault.name
            raise UsageError(
                f"the run's own {name} is on there until {clash.at_ms + clash.for_ms} ms"
            )
        replaced = [
            made
            for made, end_ms in ends_of(before).items()
            if (end_ms is None or end_ms > at_ms) and concern_the_same(made.fault, fault)
        ]
        at_ms = max([at_ms, *(made.at_ms + 1 for made in replaced)])
        cures = [Cure(now.step, at_ms, made) for made in replaced]
        self._do(now, [*before, *cures, Break(now.step, at_ms, fault)])

    def cure(self, step: int, at_ms: int, name: str) -> None:
        """End the fault of that name that was begun by hand at ``at_ms``; one still to come is forgotten."""
        now, before = self._at(step)
        made = next((b for b in ends_of(before) if (b.at_ms, b.fault.name) == (at_ms, name)), None)
        if made is None or ends_of(before)[made] is not None:
            raise UsageError(f"no fault {name!r} of yours that began at {at_ms} ms is on")
        if made.at_ms * MS > now.time_ns:
            self._do(now, [one for one in before if one is not made])
        else:
            self._do(now, [*before, Cure(now.step, self._soon_ms(now), made)])

    def finish(self, step: int) -> None:
        """End the clients' time: all is healed, and the workload's final ops are asked for."""
        now, before = self._at(step)
        self._do(now, [*before, self._end(now, before)])

    def forget(self) -> None:
        """Undo all that was done."""
        self._base = self._thaw or self._base
        self.inputs = []
        self.timeline = Timeline(self._base, holds=self._by_hand)
        self.version += 1

    # --- how it becomes another trial -------------------------------------------------------------

    def _at(self, step: int) -> tuple[Moment, list[Input]]:
        """The moment after ``step``, and what had been done until then. Raises UsageError where the
        clients' time is over.
        """
        now = self.timeline.moment(step)
        if now.time_ns >= self.trial.time_ms * MS or now.shown["phase"] != "main":
            raise UsageError("the clients' time is over, and all was healed: go back first")
        return now, [made for made in self.inputs if made.made_at <= step]

    def _soon_ms(self, now: Moment) -> int:
        """The first ms at which a fault can begin or end: syncs take time before (``harness.sim.disk``)."""
        return (now.time_ns + self.timeline.lead_ns) // MS + 1

    def _frozen(self) -> Trial:
        """The trial that inputs are put into: with every op and every target as they were."""
        if not is_frozen(self._base):
            self._base = freeze(self._base, play(self._base).run)
        return self._base

    def _do(self, now: Moment, inputs: Sequence[Input]) -> None:
        """Make these the inputs. Raises UsageError if the trial cannot be played, or has another past."""
        trial = trial_with(self._frozen(), inputs)
        trial.windows()
        finished = any(isinstance(made, Finish) for made in inputs)
        timeline = Timeline(trial, holds=self._by_hand and not finished)
        if timeline.moment(now.step).digest != now.digest:
            raise UsageError("this run cannot be changed: with its ops written down it is another")
        self.inputs, self.timeline = list(inputs), timeline
        self.version += 1

    # --- what there is ----------------------------------------------------------------------------

    def judged(self, step: int) -> tuple[History, Results]:
        """The history until then, and what its checks of safety say of it."""
        history = History.of(self.timeline.rows(self.timeline.moment(step).rows))
        return history, judge(history, self.trial.made_workload().checks, faults=False)

    def saved(self, step: int) -> Trial:
        """The trial to be kept of what is seen after ``step``: the clients' time ends there, if it
        had not. Raises UsageError where nothing was done.
        """
        if not self.inputs:
            raise UsageError("nothing was done by hand: there is nothing to save")
        now = self.timeline.moment(step)
        if now.shown["phase"] != "main":
            return self.trial
        before = [made for made in self.inputs if made.made_at <= step]
        if any(isinstance(made, Finish) for made in before):
            return trial_with(self._base, before)
        return trial_with(self._base, [*before, self._end(now, before)])

    def _end(self, now: Moment, before: Sequence[Input]) -> Finish:
        """The soonest end of the clients' time after all that was done."""
        begun = [made.at_ms + 1 for made in before if isinstance(made, Break)]
        asked = [made.op.at_ns // MS + 1 for made in before if isinstance(made, Ask)]
        return Finish(now.step, max([self._soon_ms(now), *begun, *asked]))
