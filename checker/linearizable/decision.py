"""What a search may cost, and what it found out about one object."""

from __future__ import annotations

from dataclasses import dataclass, replace

from checker.history import Op
from checker.models import State
from checker.verdict import Outcome

_LEAST_STEPS = 100_000


@dataclass(frozen=True, kw_only=True)
class Budget:
    """For one object: ``steps`` and ``steps_per_answer`` for each of its answers.

    A step is about a quarter of a microsecond, a hundredth where Numba compiles the search; a
    configuration is 300 bytes, and ``state_bytes`` are for the model's states and its steps between
    them.
    """

    steps: int = 20_000_000
    steps_per_answer: int = 200
    configurations: int = 1_000_000
    state_bytes: int = 200_000_000

    def shared(self, objects: int) -> Budget:
        """For each of so many objects, so that all together cost little more than one."""
        return replace(
            self, steps=max(self.steps // max(objects, 1), min(self.steps, _LEAST_STEPS))
        )

    def limit(self, answers: int) -> int:
        """All steps, for an object with so many answers."""
        return self.steps + self.steps_per_answer * answers


@dataclass(frozen=True, kw_only=True)
class Decision:
    """``explained`` answers of ``answers`` can be explained; all of them if the outcome is valid.

    Else ``stuck`` is the op whose answer is the first that cannot be (invalid) or was not reached
    (unknown), ``others`` the ops that were open then, and ``states`` what the object can have held
    just before that answer. ``stopped`` is why a search was ended before it had spent its budget.
    """

    outcome: Outcome
    answers: int
    explained: int
    steps: int
    stuck: Op | None = None
    others: tuple[Op, ...] = ()
    states: tuple[State, ...] = ()
    stopped: str | None = None
