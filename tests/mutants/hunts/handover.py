"""Where leaders that hand over wrongly are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.handover import MUTANTS
from tests.mutants.trials import STORM, kin

DEAF = replace(
    STORM,
    threads=24,
    rate=400,
    time_ms=3_000,
    rtt_ms=20,
    nemesis="handover,handover-deaf",
    client_timeout_ms=60,
    options={"read": "lease"},
)
"""A leader with a lease, that is long beside what messages take, hands over, as often as not without
hearing of what comes next; and is asked to read."""

ZOO = tuple(kin("raft", MUTANTS, "linearizable", {"leads-on": (DEAF, 100)}, family="handover"))

__all__ = ["MUTANTS", "ZOO"]
