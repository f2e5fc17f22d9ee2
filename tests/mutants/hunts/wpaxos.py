"""Where WPaxos' mutants are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.trials import LEADERS, STORM, kin
from tests.mutants.wpaxos import MUTANTS

MOVING = replace(STORM, options={"threshold": "1", "hold": "0"})
"""Any hit is a reason to move, at once."""

OWN_ZONE = replace(STORM, options={"fz": "0"})
"""Each node is a zone of its own, and enough to decide what it owns."""

ALIKE = replace(STORM, network="steady", nemesis="partition", rtt_ms=20)
"""Messages between any two take nearly the same time, so that two duellists stay in step."""

ZOO = (
    *kin(
        "wpaxos",
        MUTANTS,
        "agreement",
        {
            "steals-without-phase-1": (STORM, 20),
            "no-merge": (STORM, 40),
            "promises-lack-chosen": (LEADERS, 40),
            "misses-a-zone": (OWN_ZONE, 40),
            "two-owners": (MOVING, 20),
        },
    ),
    *kin("wpaxos", MUTANTS, "liveness", {"ping-pong": (ALIKE, 40)}),
)
