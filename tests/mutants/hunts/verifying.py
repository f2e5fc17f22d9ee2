"""Where replicas whose state goes wrong by itself are hunted, by which check, and for how long."""

from __future__ import annotations

from dataclasses import replace

from tests.mutants.trials import CALM, kin
from tests.mutants.verifying import MUTANTS

ZOO = tuple(
    replace(mutant, name=mutant.name.replace("multipaxos/", "verifying/"))
    for mutant in kin("multipaxos", MUTANTS, "linearizable", {"flips-a-bit": (CALM, 10)})
) + tuple(
    replace(mutant, name=mutant.name.replace("sdpaxos/", "verifying/"))
    for mutant in kin("sdpaxos", MUTANTS, "linearizable", {"sdpaxos-flips-a-bit": (CALM, 10)})
)


__all__ = ["MUTANTS", "ZOO"]
