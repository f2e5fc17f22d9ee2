"""Where the mutants of mencius are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.mencius import MUTANTS
from tests.mutants.trials import CALM, STORM, kin

OVERTAKEN = replace(
    STORM,
    nodes=5,
    threads=10,
    time_ms=1_800,
    rtt_ms=3,
    client_timeout_ms=100,
    nemesis="voice-kill",
    interval_ms=900,
)
"""What one alone has heard is revoked by who speaks slowly; its owner, who was dead meanwhile, revokes it, too."""

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
            "votes-for-the-past": (OVERTAKEN, 500),
        },
    ),
)

__all__ = ["MUTANTS", "ZOO"]
