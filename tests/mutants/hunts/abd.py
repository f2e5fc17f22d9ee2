"""Where the mutants of abd are hunted, by which check, and for how long."""

from __future__ import annotations

from tests.mutants.abd import MUTANTS
from tests.mutants.trials import CALM, STORM, TWICE, UNEVEN, kin

ZOO = (
    *kin(
        "abd",
        MUTANTS,
        "linearizable",
        {
            "no-write-back": (UNEVEN, 150),
            "no-tie-break": (CALM, 20),
            "shared-tag": (CALM, 100),
            "tag-regress": (CALM, 10),
            "acks-before-persist": (STORM, 20),
            "read-one": (CALM, 10),
            "own-counter": (CALM, 10),
            "counts-twice": (TWICE, 50),
        },
    ),
)

ELUSIVE = {
    "abd/forgets-counter": "a restarted coordinator finds its last tag in its own register, unless it "
    "was killed in the tenth of a millisecond before its own message arrived there: not found in 150 "
    "closed-loop trials with kills and loss, 25 CPU s",
}
"""Mutants that no configuration here finds within reason, and why."""


__all__ = ["MUTANTS", "ZOO"]
