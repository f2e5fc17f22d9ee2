"""Where the mutants of m2paxos are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.m2paxos import MUTANTS
from tests.mutants.trials import STORM, kin

BANK = replace(STORM, workload="bank", keys=4)
"""Transfers and balances of several accounts, whose owners change with every fault."""

LISTS = replace(STORM, workload="list-append", keys=4)
"""Transactions over several lists; each fault ends some between their objects."""

UNREAD = replace(LISTS, final=False)
"""Without final reads: who has decided a slot in two ways storms for the 20 s that these may take."""

ZOO = (
    *kin(
        "m2paxos",
        MUTANTS,
        "agreement",
        {
            "loses-forced": (BANK, 40),
            "keeps-ownership": (UNREAD, 40),
        },
    ),
    *kin(
        "m2paxos",
        MUTANTS,
        "agreement",
        {"partial-ownership": (BANK, 150)},
        costly={"partial-ownership": 27},
    ),
    *kin(
        "m2paxos",
        MUTANTS,
        "liveness",
        {"object-by-object": (LISTS, 20)},
        costly={"object-by-object": 8},
    ),
    *kin("m2paxos", MUTANTS, "bank", {"first-object": (BANK, 10)}),
)


__all__ = ["MUTANTS", "ZOO"]
