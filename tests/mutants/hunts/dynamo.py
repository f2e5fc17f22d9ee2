"""Where the mutants of dynamo are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.dynamo import MUTANTS
from tests.mutants.trials import STORM, kin

CARTS = replace(
    STORM,
    workload="eventual",
    nodes=5,
    threads=10,
    keys=3,
    time_ms=4_000,
    rate=150,
    interval_ms=500,
    client_timeout_ms=300,
    options={"N": "2", "R": "1", "W": "1"},
)
"""Few homes and fewer answers: whoever stands in is soon the only one to have what it was given."""

JUMPING = replace(CARTS, nemesis="partition,clock-bump")
"""Clocks go wrong while nodes cannot hear each other."""

ZOO = (
    *kin(
        "dynamo",
        MUTANTS,
        "eventual",
        {
            "wall-clock": (JUMPING, 20),
            "lost-hint": (CARTS, 60),
            "hints-in-memory": (CARTS, 120),
            "no-siblings": (CARTS, 20),
            "resurrects": (CARTS, 40),
            "repairs-backwards": (CARTS, 40),
            "no-handoff-merge": (CARTS, 20),
            "silent-trees": (CARTS, 40),
            "forgets-its-copy": (CARTS, 40),
        },
    ),
)

__all__ = ["MUTANTS", "ZOO"]
