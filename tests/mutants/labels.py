"""The forty bugs that find most with least (PROTOCOLS.md section 5, "Priority"), and the mutant that each one is.

A label is of that table; P-n are Paxi's, G-n GoPaxos', E-n published EPaxos'. Several mutants may be of one label: here is
the one that is hunted for it.
"""

from __future__ import annotations

from collections.abc import Mapping

PRIORITY: Mapping[str, str] = {
    "M1": "multipaxos/forgets-promise",
    "M2": "multipaxos/forgets-vote",
    "M3": "multipaxos/adopts-lowest",
    "M5": "multipaxos/omits-chosen",
    "M6": "multipaxos/reuses-ballot",
    "M7": "multipaxos/accepts-lower",
    "M13": "multipaxos/runs-twice",
    "N1": "fpaxos/do-not-meet",
    "W1": "wpaxos/steals-without-phase-1",
    "W2": "wpaxos/no-merge",
    "X1": "epaxos/one-ballot",
    "X3": "epaxos/unequal-fast-path",
    "X6": "epaxos/no-components",
    "X7": "epaxos/no-tie-break",
    "X12": "epaxos/runs-again",
    "B1": "abd/no-write-back",
    "B2": "abd/no-tie-break",
    "B3": "abd/tag-regress",
    "C1": "chain/reads-anywhere",
    "C3": "chain/skips-resend",
    "C4": "chain/zombie-tail",
    "U2": "raft/commits-old-terms",
    "U5": "members/needs-no-barrier",
    "U7": "raft/reads-unconfirmed",
    "U9": "raft/snapshot-goes-back",
    "Z1": "multipaxos/holds-too-long",
    "Z2": "multipaxos/restarts-at-once",
    "D3": "multipaxos/loses-sessions",
    "L1": "multipaxos/snapshot-lacks-its-last",
    "L4": "multipaxos/snapshot-drops-votes",
    "A1": "members/needs-no-window",
    "Q1t": "wankeeper/before-drain",
    "R1v": "vpaxos/no-transfer",
    "O2": "m2paxos/object-by-object",
    "J1": "mencius/skips-suggested",
    "S1": "sdpaxos/reuses-positions",
    "E1r": "multipaxos/reads-unrinsed",
    "G-3": "paxos/ignores-outcome",
    "G-5": "paxos/runs-the-batch-for-each",
}
"""All but V1n, which is of Viewstamped Replication: there is none here."""
