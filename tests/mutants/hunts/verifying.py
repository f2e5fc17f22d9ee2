"""Where replicas whose state goes wrong by itself are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.trials import CALM, kin
from tests.mutants.verifying import MUTANTS

ZOO = tuple(
    replace(mutant, name=f"verifying/{name}")
    for twin, name in (
        ("multipaxos", "flips-a-bit"),
        ("raft", "raft-flips-a-bit"),
        ("sdpaxos", "sdpaxos-flips-a-bit"),
    )
    for mutant in kin(twin, MUTANTS, "linearizable", {name: (CALM, 10)})
)


__all__ = ["MUTANTS", "ZOO"]
