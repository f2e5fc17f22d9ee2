"""What a checker says, and how several sayings combine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

Json = object


class Outcome(Enum):
    """The five verdicts. ``exit_code`` is Jepsen's: 0 valid, 1 invalid, 2 everything undecided."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"
    VACUOUS = "vacuous"
    INVALID_HARNESS = "invalid-harness"

    @property
    def exit_code(self) -> int:
        return {Outcome.VALID: 0, Outcome.INVALID: 1}.get(self, 2)


# Which outcome speaks for the whole. A violation is a violation whatever else went wrong; a fault
# that did not bite or heal makes green worthless; then what was not decided; then what was not
# exercised.
_RANK = (
    Outcome.INVALID,
    Outcome.INVALID_HARNESS,
    Outcome.UNKNOWN,
    Outcome.VACUOUS,
    Outcome.VALID,
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One checker's answer. ``summary`` is a sentence; ``evidence`` are rows of the history.

    ``explanation`` says in plain words, one line an entry, what the evidence shows.
    """

    outcome: Outcome
    summary: str = ""
    evidence: tuple[int, ...] = ()
    explanation: tuple[str, ...] = ()
    details: Mapping[str, Json] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        return self.outcome is Outcome.VALID

    def to_json(self) -> dict[str, Json]:
        return {
            "outcome": self.outcome.value,
            "summary": self.summary,
            "evidence": list(self.evidence),
            "explanation": list(self.explanation),
            "details": dict(self.details),
        }


def combine(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that speaks for all of them; of none at all: vacuous.

    >>> combine([Outcome.VALID, Outcome.UNKNOWN]).value
    'unknown'
    """
    present = set(outcomes)
    return next((o for o in _RANK if o in present), Outcome.VACUOUS)
