"""The cells of the matrix: which protocol, with which options, workload and faults; what must come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from checker.verdict import Outcome
from harness.trial import Trial
from protocols import PROTOCOLS
from protocols.statemachine import COMMANDS
from workloads import CLAIMS

NEMESES = ("none", "partition", "kill", "pause", "packet", "partition,kill,pause,packet")

SMALL = Trial(
    protocol="none yet",
    nodes=5,
    threads=10,
    time_ms=2_000,
    rate=150,
    keys=2,
    rtt_ms=5,
    interval_ms=500,
    client_timeout_ms=300,
)
"""A cell's trial in simulation: seconds, and time-outs and windows scaled to fit, so that a second
of CPU sees several elections."""

LASTING_MS = {"lock": 6_000, "lease": 6_000}
"""Of workloads whose ops wait for each other: in two seconds of faults some kind of them never succeeds,
and the cell is vacuous.
"""
HANDING_MS = 6_000
"""Of trials with handovers, for the same reason: other faults hinder them."""

REAL_TIME_MS = 30_000
REAL_NEMESES = ("partition,kill", "membership")
"""The second for those that are told to change their members."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of the matrix: a protocol with these options, and the workloads whose claims it is
    known to break. ``why`` says by what design. Under the nemeses of ``seldom`` such a break is not
    demanded: it shows in too few trials. A line that is there for some faults has these as its
    ``nemeses``, in the place of the usual ones, and for some workloads, as its ``workloads``.
    """

    protocol: str
    options: Mapping[str, str] = field(default_factory=dict)
    breaks: tuple[str, ...] = ()
    why: str = ""
    seldom: tuple[str, ...] = ()
    nemeses: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    nodes: int = SMALL.nodes

    @property
    def name(self) -> str:
        """The protocol, and its options if it has any.

        >>> Line("multipaxos", {"read": "any"}).name
        'multipaxos read=any'
        """
        return " ".join([self.protocol, *(f"{k}={v}" for k, v in self.options.items())])


DYNAMO = Line(
    "dynamo",
    breaks=("register", "set"),
    why="eventually consistent: a read does not write back before it answers, and sloppy quorums"
    " need not meet",
    seldom=("none", "kill", "pause", "packet"),
)

LOSSES = ("wipe", "wipe,partition,kill", "wipe-majority,packet")
"""Faults that take a disk, of three nodes: there one that forgets can make a difference."""

CHANGES = (
    "membership",
    "membership,partition",
    "membership,kill",
    "membership,partition,kill,pause,packet",
)
"""Nodes leave and join, and what else happens meanwhile."""

HANDOVERS = (
    "handover",
    "handover-deaf",
    "handover,partition",
    "handover,kill",
    "handover,partition,kill,pause",
)
"""The leader is asked to let another lead, and what else happens meanwhile."""

OF_LINES = ("membership", "handover")
"""Faults that only those protocols know of which there are lines for."""

BOTH = ("membership,wipe", "membership,wipe,kill", "membership,wipe,partition,packet")
"""Of four members, so that one can go, and another lose its disk."""

HEADINGS: Mapping[tuple[str, ...], str] = {
    LOSSES: "Where disks are lost",
    CHANGES: "While members change",
    HANDOVERS: "While leadership is handed over",
    BOTH: "While members change, and disks are lost",
}
"""Of the lines that are there for some faults."""

FORCED: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("multipaxos", "raft", "sdpaxos", "paxos", "mencius", "wpaxos", "m2paxos", "epaxos"),
    ("register", "append"),
)
"""The workloads that show what a node does that votes at once without its disk."""

REJOINING: tuple[Line, ...] = (
    *(
        Line(name, {"rejoin": "passive"}, nemeses=LOSSES, workloads=("register", "append"), nodes=3)
        for name in (
            "multipaxos",
            "fpaxos",
            "kpaxos",
            "paxos-groups",
            "raft",
            "sdpaxos",
            "wankeeper",
            "paxos",
            "mencius",
            "wpaxos",
            "m2paxos",
            "epaxos",
        )
    ),
    *(
        Line(
            name,
            {"rejoin": "force"},
            breaks=workloads,
            why="a node that has lost its disk votes at once, and has forgotten what it voted for",
            seldom=LOSSES[:2],
            nemeses=LOSSES,
            workloads=workloads,
            nodes=3,
        )
        for name, workloads in FORCED.items()
    ),
)
"""With and without passive mode (``protocols.rejoining``)."""

SPECIAL: tuple[Line, ...] = (
    Line("multipaxos", {"read": "leader"}),
    Line("multipaxos", {"read": "quorum"}),
    Line(
        "multipaxos",
        {"read": "any"},
        breaks=("register", "cas", "set", "counter"),
        why="whoever is asked answers a read from its own state, however old that is",
    ),
    Line("raft", {"read": "lease"}),
    Line("raft", {"read": "log"}),
    Line("chain", {"read": "craq"}),
    Line("epaxos", {"toq": "true"}),
    Line("fpaxos", {"quorum": "count:4,2"}),
    replace(
        DYNAMO,
        options={"sloppy": "false"},
        why="a read does not write back before it answers: two reads can see new and then old",
        seldom=(*NEMESES, "partition,kill"),
    ),
    *REJOINING,
    *(Line(name, {"members": "3"}, nemeses=CHANGES) for name in ("raft", "multipaxos")),
    *(
        Line(name, options, nemeses=HANDOVERS, workloads=("register", "append"))
        for name, options in (
            ("raft", {"read": "lease"}),
            ("raft", {"read": "log"}),
            ("multipaxos", {"read": "quorum"}),
            ("kpaxos", {"groups": "2"}),
        )
    ),
    *(
        Line(
            name,
            {"members": "4", "rejoin": "passive"},
            nemeses=BOTH,
            workloads=("register", "append"),
        )
        for name in ("raft", "multipaxos")
    ),
)
"""Lines beside the protocols' own: options that change what is claimed."""

KNOWN: Mapping[str, Line] = {"dynamo": DYNAMO}
"""Protocols that do not keep every workload's claim, by design."""


def lines() -> tuple[Line, ...]:
    """One for each protocol of the table, then the special ones."""
    return (*(KNOWN.get(name, Line(name)) for name in PROTOCOLS), *SPECIAL)


@dataclass(frozen=True)
class Cell:
    """One protocol (and options), workload and nemesis."""

    line: Line
    workload: str
    nemesis: str

    @property
    def name(self) -> tuple[str, str, str]:
        return self.line.name, self.workload, self.nemesis

    @property
    def expected(self) -> Outcome:
        return Outcome.INVALID if self.workload in self.line.breaks else Outcome.VALID

    @property
    def seldom(self) -> bool:
        """Whether its claim is known not to hold, and yet may well hold in every trial."""
        return self.expected is Outcome.INVALID and self.nemesis in self.line.seldom

    def trial(self, seed: str) -> Trial:
        """The cell's trial of this seed, in simulation."""
        return replace(
            SMALL,
            protocol=self.line.protocol,
            options=dict(self.line.options),
            nodes=self.line.nodes,
            workload=self.workload,
            nemesis=self.nemesis,
            time_ms=HANDING_MS
            if "handover" in self.nemesis
            else LASTING_MS.get(self.workload, SMALL.time_ms),
            seed=seed,
        )

    def real(self, seed: str, time_ms: int) -> Trial:
        """The cell's trial on hosts: at a real network's pace."""
        usual = Trial(protocol=self.line.protocol)
        return replace(
            usual,
            options=dict(self.line.options),
            workload=self.workload,
            nemesis=self.nemesis,
            time_ms=time_ms,
            seed=seed,
        )


def served(line: Line, workload: str) -> bool:
    """Whether a protocol serves what a workload asks for."""
    trial = Trial(protocol=line.protocol, workload=workload)
    replica, made = trial.replica(), trial.made_workload()
    if made.multi_key and not replica.multi_key:
        return False
    return set(made.commands) <= set(COMMANDS if replica.commands is None else replica.commands)


def cells(
    protocols: Sequence[str] = (),
    workloads: Sequence[str] = (),
    nemeses: Sequence[str] = (),
) -> Iterator[Cell]:
    """The cells of these protocols, workloads and nemeses (none given: all), in the tables' order."""
    for line in lines():
        if protocols and line.protocol not in protocols:
            continue
        if line.nemeses:
            faults = [n for n in line.nemeses if not nemeses or n in nemeses]
        else:  # members change, and leaders hand over, where there are lines for that
            faults = [n for n in nemeses or NEMESES if not any(w in n for w in OF_LINES)]
        for workload in workloads or CLAIMS:
            if served(line, workload) and workload in (line.workloads or CLAIMS):
                yield from (Cell(line, workload, nemesis) for nemesis in faults)
