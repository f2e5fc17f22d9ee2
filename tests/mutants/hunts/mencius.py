"""Where the mutants of mencius are hunted, by which check, and for how long."""

from __future__ import annotations

from tests.mutants.mencius import MUTANTS
from tests.mutants.trials import CALM, STORM, kin

ZOO = (
    *kin(
        "mencius",
        MUTANTS,
        "agreement",
        {
            "skips-suggested": (CALM, 20),
            "revokes-blindly": (STORM, 50),
            "reuses-slots": (STORM, 50),
            "commits-early": (CALM, 20),
            "forgets-skips": (STORM, 100),
            "assumes-fifo": (CALM, 20),
        },
    ),
)

ELUSIVE = {
    "mencius/votes-for-the-past": "an owner must come back and revoke its own slots while a revoker of five "
    "holds its promises, and the revoker propose after that: not found in 290 trials, 46 CPU s (the bug was "
    "found in a campaign of trials of 20 s, seed 33441); the schedule is played by hand in "
    "tests/protocols/test_mencius_paper.py",
}

__all__ = ["MUTANTS", "ZOO"]
