"""Where replicas whose state goes wrong by itself are hunted, by which check, and for how long."""

from __future__ import annotations

from tests.mutants.trials import CALM, kin
from tests.mutants.verifying import MUTANTS

ZOO = tuple(
    mutant
    for twin, name in (
        ("multipaxos", "flips-a-bit"),
        ("raft", "raft-flips-a-bit"),
        ("sdpaxos", "sdpaxos-flips-a-bit"),
    )
    for mutant in kin(twin, MUTANTS, "linearizable", {name: (CALM, 10)}, family="verifying")
)


__all__ = ["MUTANTS", "ZOO"]
