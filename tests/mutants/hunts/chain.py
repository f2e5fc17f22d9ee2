"""Where the mutants of chain are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.chain import MUTANTS
from tests.mutants.trials import CALM, LEADERS, STORM, kin

BETWEEN = replace(
    STORM,
    time_ms=3_000,
    rtt_ms=2,
    nemesis="partition-bridge,packet-jitter,pause",
    interval_ms=200,
    client_timeout_ms=100,
)
"""Members are taken for dead that are not, and come back with what they were about to say."""

BRIEFLY = replace(LEADERS, time_ms=1_000, rate=60, options={})
"""A few heads and tails, one after the other, and few ops."""

ZOO = (
    *kin(
        "chain",
        MUTANTS,
        "linearizable",
        {
            "reads-anywhere": (CALM, 10),
            "head-replies": (CALM, 10),
            "zombie-tail": (STORM, 50),
            "joins-empty": (STORM, 20),
            "serves-dirty": (replace(CALM, options={"read": "craq"}), 10),
            "tail-does-not-apply": (CALM, 10),
            "keeps-history": (BRIEFLY, 400),
            "no-epochs": (BETWEEN, 50),
        },
    ),
    *kin(
        "chain",
        MUTANTS,
        "agreement",
        {"applies-as-it-comes": (CALM, 20), "skips-resend": (STORM, 20)},
    ),
)


__all__ = ["MUTANTS", "ZOO"]
