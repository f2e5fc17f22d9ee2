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

__all__ = ["MUTANTS", "ZOO"]
