"""The zoo: every mutant of every protocol, in the table's order.

A module of ``tests.mutants`` has the mutants of one protocol: classes, and ``MUTANTS`` by name. They
run on real hosts, too, so they import protocols only. The module of that name in ``hunts`` says in
which trial each is hunted, by which check, and for how long. A new one is a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from harness.zoo.mutant import Mutant
from tests.mutants.hunts import (
    abd,
    amnesia,
    appending,
    chain,
    dynamo,
    epaxos,
    fpaxos,
    groups,
    handover,
    heedless,
    hpaxos,
    kpaxos,
    leases,
    m2paxos,
    members,
    mencius,
    multipaxos,
    paxos,
    raft,
    rejoin,
    sdpaxos,
    stopping,
    unsynced,
    verifying,
    vpaxos,
    wankeeper,
    wpaxos,
)

MODULES: Mapping[str, ModuleType] = {
    "abd": abd,
    "multipaxos": multipaxos,
    "paxos": paxos,
    "epaxos": epaxos,
    "kpaxos": kpaxos,
    "m2paxos": m2paxos,
    "paxos-groups": groups,
    "chain": chain,
    "dynamo": dynamo,
    "fpaxos": fpaxos,
    "hpaxos": hpaxos,
    "raft": raft,
    "vpaxos": vpaxos,
    "wankeeper": wankeeper,
    "sdpaxos": sdpaxos,
    "mencius": mencius,
    "wpaxos": wpaxos,
    "members": members,
    "stopping": stopping,
    "amnesia": amnesia,
    "leases": leases,
    "rejoin": rejoin,
    "handover": handover,
    "appending": appending,
    "verifying": verifying,
    "unsynced": unsynced,
    "heedless": heedless,
}

ZOO: tuple[Mutant, ...] = tuple(mutant for module in MODULES.values() for mutant in module.ZOO)

ELUSIVE: Mapping[str, str] = {
    name: why for module in MODULES.values() for name, why in getattr(module, "ELUSIVE", {}).items()
}
"""Mutants that no configuration here finds within reason, and why."""
