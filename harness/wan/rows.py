"""The rows of the table: which protocol, placed how, asked for what, and the closed form that it should meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import UsageError
from harness.wan import forms, scripts
from harness.wan.forms import Matrix, Sites
from harness.wan.geography import round_trips_ms
from harness.wan.scripts import Script
from protocols.keymap import KeyMap

WARM_MS, ELECTED_MS = 2_000, 9_000
"""Before the first measured op: after a leader that is named beforehand, and one that is found."""
APART_MS = 600
"""From a site's op to its next, where ops of different sites do not wait for each other."""
ALONE_MS = 500
"""From one op to the next, where at most one is to be under way."""
SHORT = 6
"""Up to so many nodes SDPaxos takes its short path (``protocols.sdpaxos.fast``)."""
LAN_MS = 1
"""A round trip within a zone."""
KEEPING = 6
"""Rounds after which a zone has the tokens of the keys that it alone asks for."""
STREWN = 40
"""Rounds in which each other site's keys come as often as the next one's, at all localities."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """``places`` are the nodes' zones. ``f``: only ops of this kind are measured; empty: all."""

    name: str
    protocol: str
    predicted: Sites
    script: Script
    places: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    f: str = ""


@dataclass(frozen=True)
class Maker:
    """Makes the rows of one inventory. ``rounds``: how often each site asks."""

    wan: str
    places: tuple[str, ...]
    rounds: int

    @property
    def matrix(self) -> Matrix:
        """Round trips, those within a zone too."""
        given = round_trips_ms(self.wan, self.places)
        return [
            [0 if a == b else max(LAN_MS, ms) for b, ms in enumerate(row)]
            for a, row in enumerate(given)
        ]

    @property
    def zones(self) -> list[str]:
        return list(dict.fromkeys(self.places))

    def all(self) -> list[Row]:
        """In the order of the table. Raises UsageError for too few nodes, or no zones."""
        if len(self.places) < 3:
            raise UsageError(f"--wan {self.wan}: it takes three hosts or more")
        if "" in self.places or len(self.zones) < 2:
            raise UsageError(f"--wan {self.wan}: its hosts need zones, two of them or more")
        return [
            *self.led(),
            self.flexible(),
            *self.egalitarian(),
            self.abd(),
            self.quorum_read(),
            self.sequenced(),
            self.mencius(),
            *self.wpaxos(),
            self.chain(),
            *self.beyond(),
        ]

    def node(self, zone: str) -> int:
        return self.places.index(zone)

    def row(self, name: str, protocol: str, predicted: Sites, script: Script, **more: str) -> Row:
        return Row(
            name=name, protocol=protocol, predicted=predicted, script=script, places=self.places,
            options=more,
        )  # fmt: skip

    def apart(self, *, warm_ms: int = WARM_MS, reads: bool = True) -> Script:
        n = len(self.places)
        turns = scripts.together(n, self.rounds, APART_MS, warm_ms)
        return scripts.script(turns, n, reads=reads)

    def alone(self) -> Script:
        n = len(self.places)
        return scripts.script(scripts.in_turn(n, self.rounds, ALONE_MS, WARM_MS), n)

    # --- one leader -------------------------------------------------------------------------------

    def led(self) -> list[Row]:
        """Multi-Paxos, led from each zone in turn; the best first."""
        rows = [
            self.row(
                f"Multi-Paxos, leader {zone}", "multipaxos",
                forms.leader(self.matrix, self.node(zone)), self.apart(), leader=zone,
            )
            for zone in self.zones
        ]  # fmt: skip
        return sorted(rows, key=lambda row: forms.mean(row.predicted))

    def flexible(self, size: int = 2) -> Row:
        """Flexible Paxos with quorums of phase 2 of this size: 2 are the fewest that outlive a disk."""
        n, matrix = len(self.places), self.matrix
        forms_of = {z: forms.leader(matrix, self.node(z), size) for z in self.zones}
        best = min(self.zones, key=lambda zone: forms.mean(forms_of[zone]))
        return self.row(
            f"FPaxos |Q2|={size}, leader {best}", "fpaxos", forms_of[best], self.apart(),
            leader=best, quorum=f"count:{n + 1 - size},{size}",
        )  # fmt: skip

    def sequenced(self) -> Row:
        """SDPaxos. Turns are executed in order, so one command at a time."""
        form = forms.sequenced if len(self.places) <= SHORT else forms.relayed
        best = min(self.zones, key=lambda z: forms.mean(form(self.matrix, self.node(z))))
        predicted = form(self.matrix, self.node(best))
        name = f"SDPaxos, sequencer {best}"
        row = self.row(name, "sdpaxos", predicted, self.alone(), leader=best)
        return replace(row, f="read")

    # --- none -------------------------------------------------------------------------------------

    def egalitarian(self) -> list[Row]:
        n, matrix = len(self.places), self.matrix
        return [
            self.row("EPaxos, fast path", "epaxos", forms.one_round(matrix), self.apart()),
            replace(self.conflicting(1000), name="EPaxos, slow path"),
            self.row(
                f"EPaxos, fast quorum {n - 1}", "epaxos", forms.one_round(matrix, n - 1),
                self.apart(), fast_quorum=str(n - 1),
            ),
        ]  # fmt: skip

    def conflicting(self, permille: int) -> Row:
        """EPaxos where so many ops take the slow path; it begins as soon as answers differ."""
        script = scripts.interfered(self.matrix, self.rounds, 2 * ALONE_MS, WARM_MS, permille)
        predicted = forms.by_conflict(self.matrix, permille)
        name = f"EPaxos, conflict {permille // 10} %"
        return replace(self.row(name, "epaxos", predicted, script, patient="false"), f="read")

    def abd(self) -> Row:
        n = len(self.places)
        predicted = forms.two_rounds(self.matrix, forms.majority(n))
        return self.row("ABD", "abd", predicted, self.apart())

    def quorum_read(self) -> Row:
        """PQR: a majority says how far it has voted; nothing is under way."""
        best = self.led()[0].options["leader"]
        predicted = forms.one_round(self.matrix, forms.majority(len(self.places)))
        row = self.row(
            "quorum read (PQR)", "multipaxos", predicted, self.apart(), leader=best, read="quorum"
        )
        return replace(row, f="read")

    def mencius(self) -> Row:
        """Whoever is idle must skip its slots: so the others are."""
        row = self.row("Mencius", "mencius", forms.farthest(self.matrix), self.alone())
        return replace(
            row, f="read"
        )  # a site's first op, a write, is before any of the others' slots

    # --- owners -----------------------------------------------------------------------------------

    def wpaxos(self) -> list[Row]:
        n, matrix, grid = len(self.places), self.matrix, forms.zones(self.places)
        turns = scripts.together(n, self.rounds, APART_MS, WARM_MS)
        owned = [
            self.row(
                f"WPaxos fz={fz}, own objects", "wpaxos", forms.owned(matrix, grid, fz),
                scripts.script(turns, n, first=True), fz=str(fz), policy="none",
            )
            for fz in (0, 1)
        ]  # fmt: skip
        handed = scripts.together(n, self.rounds, n * ALONE_MS, WARM_MS)
        stolen = self.row(
            "WPaxos fz=0, stolen objects", "wpaxos", forms.stolen(matrix, grid, 0),
            scripts.script(handed, n, scripts.handed_on, reads=False),
            fz="0", adaptive="false", hold="0",
        )  # fmt: skip
        return [*owned, self.local(700), self.local(900), stolen]

    def local(self, permille: int) -> Row:
        """WPaxos where so many requests are for objects of the own node, and objects stay."""
        n = len(self.places)
        turns = scripts.together(n, STREWN, APART_MS // 2, WARM_MS)
        return self.row(
            f"WPaxos fz=0, locality {permille // 10} %", "wpaxos",
            forms.by_locality(self.matrix, forms.zones(self.places), 0, permille),
            scripts.script(turns, n, scripts.mixed(n, permille), first=True), fz="0", policy="none",
        )  # fmt: skip

    # --- those that the literature's tables leave out -----------------------------------------------

    def beyond(self) -> list[Row]:
        """Each by the form of the protocol that it is made like."""
        n, matrix = len(self.places), self.matrix
        best = self.led()[0].options["leader"]
        at, most = self.node(best), forms.majority(n)
        reads = self.row(
            f"Dynamo N={n}, R=W={most}, read", "dynamo", forms.one_round(matrix, most), self.apart(),
            N=str(n),
        )  # fmt: skip
        return [
            self.row(
                f"Raft, leader {best}", "raft", forms.leader(matrix, at), self.apart(),
                leader=best, read="log",
            ),
            self.row(
                f"HPaxos, leader {best}", "hpaxos", forms.leader(matrix, at, n), self.apart(),
                leader=best,
            ),
            self.row("Paxos, alone", "paxos", forms.two_rounds(matrix, most), self.alone()),
            self.row("M2Paxos, own objects", "m2paxos", forms.one_round(matrix, most), self.apart()),
            *self.grouped(),
            self.kept(),
            replace(reads, f="read"),
        ]  # fmt: skip

    def grouped(self) -> list[Row]:
        """A log for each group of keys: where its leader is, is told by the map and the option."""
        n, matrix = len(self.places), self.matrix
        homes = [self.node(zone) for zone in self.zones]
        ranges, hashes = KeyMap(len(homes), 1), KeyMap(n)
        near = [homes[ranges.group_of(scripts.own(0, site))] for site in range(n)]
        far = [hashes.group_of(scripts.own(0, site)) for site in range(n)]
        few = (n - 1) // 2 + 1
        voters = [[(first + i) % n for i in range(few)] for first in far]
        return [
            self.row("KPaxos, own range", "kpaxos", forms.led_by(matrix, near), self.apart()),
            self.row("Paxos groups", "paxos-groups", forms.led_by(matrix, far), self.apart()),
            self.row(
                "Vertical Paxos",
                "vpaxos",
                forms.appointed(matrix, far, voters),
                self.apart(warm_ms=ELECTED_MS),
                policy="none",
            ),
        ]

    def kept(self) -> Row:
        """WanKeeper for keys whose token is in the zone, as it is once the zone has asked often enough."""
        n = len(self.places)
        turns = scripts.together(n, KEEPING + self.rounds, APART_MS, WARM_MS)
        script = replace(scripts.script(turns, n), from_ms=WARM_MS + KEEPING * APART_MS)
        predicted = forms.owned(self.matrix, forms.zones(self.places), 0)
        return self.row("WanKeeper, own tokens", "wankeeper", predicted, script)

    # --- a chain ----------------------------------------------------------------------------------

    def chain(self) -> Row:
        """From the first zone always to the nearest that is not yet in it."""
        order = nearest_first(self.matrix)
        places = tuple(self.places[node] for node in order)
        moved = Maker(self.wan, places, self.rounds)
        predicted = forms.chain(moved.matrix, range(len(places)))
        script = moved.apart(warm_ms=ELECTED_MS, reads=False)
        zones = list(dict.fromkeys(places))
        return moved.row(f"Chain {' > '.join(zones)}, write", "chain", predicted, script)


def nearest_first(matrix: Matrix) -> list[int]:
    """All nodes in an order: after each the nearest of those that are left.

    >>> nearest_first([[0, 9, 3], [9, 0, 5], [3, 5, 0]])
    [0, 2, 1]
    """
    order = [0]
    while len(order) < len(matrix):
        near = matrix[order[-1]]
        order.append(min((n for n in range(len(matrix)) if n not in order), key=near.__getitem__))
    return order


def by_zone(row: Row, zones: Sequence[str], sites: Sequence[float]) -> list[float]:
    """Means over the nodes of each zone, in the order of ``zones``."""
    means = []
    for zone in zones:
        here = [ms for place, ms in zip(row.places, sites, strict=True) if place == zone]
        means.append(forms.mean(here))
    return means


def chosen(rows: Sequence[Row], wanted: Sequence[str]) -> list[Row]:
    """Those whose names have one of these words in them. Raises UsageError for a word that none has."""
    for word in wanted:
        if not any(word.lower() in row.name.lower() for row in rows):
            names = "; ".join(row.name for row in rows)
            raise UsageError(f"no row has {word!r} in its name: {names}")
    if not wanted:
        return list(rows)
    return [row for row in rows if any(word.lower() in row.name.lower() for word in wanted)]
