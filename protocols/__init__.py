"""The systems under test that ship with the project, each a pure replica.

One line here makes a protocol: the command line lists it, the contract tests run it, the zipapp
carries it. Values are import strings, so that importing this table imports no protocol.
"""

from __future__ import annotations

PROTOCOLS: dict[str, str] = {
    "abd": "protocols.abd:ABD",
    "chain": "protocols.chain:Chain",
    "dynamo": "protocols.dynamo:Dynamo",
    "epaxos": "protocols.epaxos:EPaxos",
    "fpaxos": "protocols.fpaxos:FPaxos",
    "hpaxos": "protocols.hpaxos:HPaxos",
    "kpaxos": "protocols.kpaxos:KPaxos",
    "m2paxos": "protocols.m2paxos:M2Paxos",
    "mencius": "protocols.mencius:Mencius",
    "multipaxos": "protocols.multipaxos:MultiPaxos",
    "paxos": "protocols.paxos:Paxos",
    "paxos-groups": "protocols.groups:PaxosGroups",
    "raft": "protocols.raft:Raft",
    "sdpaxos": "protocols.sdpaxos:SDPaxos",
    "vpaxos": "protocols.vpaxos:VPaxos",
    "wankeeper": "protocols.wankeeper:WanKeeper",
    "wpaxos": "protocols.wpaxos:WPaxos",
}
