"""Where the mutants of wankeeper are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.trials import CALM, LEADERS, STORM, kin
from tests.mutants.wankeeper import MUTANTS

WANDERING = replace(CALM, options={"threshold": "1"})
"""A token goes to whoever asks, each time."""

CONTESTED = replace(LEADERS, options={"threshold": "1", "snapshot_every": "20", "keep": "5"})
"""What is proposed by one leader is proposed again by the next."""

BRIEFLY = replace(LEADERS, time_ms=1_000, rate=50, options={"threshold": "1"})
"""A few leaders, one after the other, and few ops, each of which moves the token."""

AGAIN = replace(BRIEFLY, options=CONTESTED.options)
"""The same, and what is proposed by one leader is proposed again by the next."""

ZONED = replace(STORM, nodes=5, threads=10, zones="eu,us")
"""Zones of three and two nodes."""

ZOO = (
    *kin(
        "wankeeper",
        MUTANTS,
        "linearizable",
        {
            "before-drain": (WANDERING, 20),
            "forgets-tokens": (CONTESTED, 50),
            "reads-locally": (ZONED, 20),
            "keeps-serving": (WANDERING, 20),
        },
    ),
    *kin(
        "wankeeper",
        MUTANTS,
        "agreement",
        {"value-only": (AGAIN, 200), "no-epochs": (BRIEFLY, 200)},
    ),
)


__all__ = ["MUTANTS", "ZOO"]
