"""Transactions that read and write registers: the order of versions must be inferred.

Kingsbury, Alvaro, "Elle", VLDB 2020, section 5: with unique values it is known who wrote what was
read, but only some of the order of a key's versions: the initial nothing comes first; a transaction
that reads a version and writes another puts that after it (*writes follow reads*, which holds where
such a transaction is isolated at all); and, if it is claimed that each key by itself is sequential or
linearizable, versions are written in the order of their processes, or of real time.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count

import numpy as np

from checker.history import History, Op
from checker.phrases import show
from checker.shapes import Malformed, answers
from checker.transactional.decide import decide
from checker.transactional.graph import RW, WR, WW, Edges, components
from checker.transactional.report import Anomalies, name_txn, show_identity, show_key
from checker.transactional.transactions import READ, WRITE, Transactions, Txn
from checker.values import identity
from checker.verdict import Verdict


@answers
def check(
    history: History,
    *,
    model: str = "strict-serializable",
    wfr_keys: bool = True,
    sequential_keys: bool = False,
    linearizable_keys: bool = False,
) -> Verdict:
    """*Invalid* where an anomaly rules out ``model`` (a name of ``lattice.WEAKER``).

    ``wfr_keys``, ``sequential_keys``, ``linearizable_keys`` are what is claimed of each key, to infer
    versions from. ``details`` as of list-append. *Unknown* for what is no rw-register.
    """
    claims = _Claims(
        wfr=wfr_keys,
        sequential=sequential_keys or linearizable_keys,
        linearizable=linearizable_keys,
    )
    return decide(history, partial(_Inference, claims=claims), model=model)


@dataclass(frozen=True, kw_only=True)
class _Claims:
    """What is claimed of each key by itself: see ``check``."""

    wfr: bool
    sequential: bool
    linearizable: bool


_PLAIN = {int, str, type(None)}
_Version = Hashable
"""The identity of a value; None is the initial nothing."""


@dataclass
class _Key:
    """``writer`` and ``readers`` are transactions by their numbers. ``within`` are pairs (version, next)
    that one transaction read and then wrote, ``follow`` all pairs that are known; ordered sets.
    """

    writer: dict[_Version, int] = field(default_factory=dict)
    failed: dict[_Version, Txn] = field(default_factory=dict)
    readers: defaultdict[_Version, list[int]] = field(default_factory=lambda: defaultdict(list))
    within: dict[tuple[_Version, _Version], None] = field(default_factory=dict)
    follow: dict[tuple[_Version, _Version], None] = field(default_factory=dict)
    final: dict[int, _Version] = field(default_factory=dict)
    """The last version that each transaction wrote: the rest are intermediate."""


class _Inference:
    def __init__(self, found: Transactions, *, claims: _Claims) -> None:
        self.found, self.claims = found, claims
        self.keys: defaultdict[Hashable, _Key] = defaultdict(_Key)
        self.edges = Edges.none()
        self.anomalies = Anomalies()

    def run(self) -> None:
        for txn in self.found.txns:
            self.take(txn)
        for txn in self.found.failed:
            self.take_failed(txn)
        for known in self.keys.values():
            self.infer(known)
        cyclic = self.cyclic_keys()
        for place, (key, known) in enumerate(self.keys.items()):
            self.reads(key, known)
            if place in cyclic:
                self.cyclic(key, known)
            else:
                self.order(known)
                self.lost_updates(key, known)

    def infer(self, known: _Key) -> None:
        """Which version follows which, by what is claimed of a key."""
        if self.claims.wfr:
            known.follow |= known.within
        if self.claims.sequential:
            known.follow |= _sequential(known, self.found.txns)
        if self.claims.linearizable:
            known.follow |= _linearizable(known, self.found.txns)
        if None in known.readers:
            for version in known.final.values():
                known.follow.setdefault((None, version))

    def take(self, txn: Txn) -> None:
        """Note what a transaction read of others and wrote, and what contradicts itself within it."""
        view: dict[Hashable, _Version] = {}
        read: list[tuple[_Key, _Version]] = []
        keys, number = self.keys, txn.number
        for f, key, value in txn.mops:
            version = value if type(value) in _PLAIN else identity(value)
            known = keys[key]
            if f == WRITE:
                self.write(txn, key, known, version)
            elif f != READ:
                raise Malformed(txn.op.invoked, f"{f!r} in a read-write transaction")
            elif key not in view:
                known.readers[version].append(number)
                read.append((known, version))
            elif view[key] != version:
                self.anomalies.add(
                    "internal",
                    [txn],
                    f"{name_txn(txn)} read {show(value)} from {show_key(self.found, key)}, where it had "
                    f"itself read or written {show_identity(view[key])} before",
                )
            view[key] = version
        for known, version in read:
            final = known.final.get(number, version)
            if final != version:
                known.within[version, final] = None

    def write(self, txn: Txn, key: Hashable, known: _Key, version: _Version) -> None:
        if version is None:
            raise Malformed(txn.op.invoked, "null stands for nothing written: write a value")
        if version in known.writer:
            where = f"{show_identity(version)} is written to {show_key(self.found, key)}"
            raise Malformed(txn.op.invoked, f"{where} twice: values must be unique")
        known.writer[version] = txn.number
        known.final[txn.number] = version

    def take_failed(self, txn: Txn) -> None:
        for f, key, value in txn.mops:
            if f == WRITE:
                self.keys[key].failed[identity(value)] = txn

    def order(self, known: _Key) -> None:
        """The edges of one key that follow from the order of its versions."""
        writer_of, readers_of = known.writer.get, known.readers.get
        ww: tuple[list[int], list[int]] = ([], [])
        rw: tuple[list[int], list[int]] = ([], [])
        for before, after in known.follow:
            writer = writer_of(after)
            if writer is None:
                continue
            earlier, readers = writer_of(before), readers_of(before)
            if earlier is not None:
                ww[0].append(earlier)
                ww[1].append(writer)
            if readers is not None:
                rw[0].extend(readers)
                rw[1].extend([writer] * len(readers))
        self.edges.extend(*ww, WW)
        self.edges.extend(*rw, RW)

    def reads(self, key: Hashable, known: _Key) -> None:
        """The edges of one key from writers to readers, and what is wrong with what was read."""
        tails: list[int] = []
        heads: list[int] = []
        for version, readers in known.readers.items():
            if version is None:
                continue
            writer = known.writer.get(version)
            if writer is None or known.final[writer] != version or writer in readers:
                self.wrong_reads(key, known, version)
            if writer is not None:  # an edge from a transaction to itself does not count
                tails.extend([writer] * len(readers))
                heads.extend(readers)
        self.edges.extend(tails, heads, WR)

    def wrong_reads(self, key: Hashable, known: _Key, version: _Version) -> None:
        """Reads of what was not there, not yet, or not any more."""
        where, txns = show_key(self.found, key), self.found.txns
        number = known.writer.get(version)
        for reader in (txns[reader] for reader in known.readers[version]):
            said = f"{name_txn(reader)} read {show_identity(version)} from {where}"
            if number is None:
                failed = known.failed.get(version)
                why = "but nobody wrote it"
                if failed is not None:
                    why = f"but {name_txn(failed)}, which wrote it, failed"
                self.anomalies.add("G1a", [reader, *([failed] if failed else [])], f"{said}, {why}")
            elif number == reader.number:
                self.anomalies.add("future-read", [reader], f"{said}, and wrote that only later")
            elif (final := known.final[number]) != version:
                why = f"but {name_txn(txns[number])} went on to write {show_identity(final)}"
                self.anomalies.add("G1b", [txns[number], reader], f"{said}, {why}")

    def cyclic_keys(self) -> set[int]:
        """The places of the keys whose versions follow each other round: of all keys in one go."""
        ends = array("q")
        borders: list[int] = []
        size = 0
        for known in self.keys.values():
            versions = list(chain.from_iterable(known.follow))
            ids = dict(zip(dict.fromkeys(versions), count(size)))
            ends.extend(map(ids.__getitem__, versions))
            size += len(ids)
            borders.append(size)
        if not ends:
            return set()
        pairs = np.frombuffer(ends, np.int64)
        inside, _ = components(pairs[::2], pairs[1::2], size)
        return set(np.searchsorted(borders, pairs[::2][inside], side="right").tolist())

    def cyclic(self, key: Hashable, known: _Key) -> None:
        """Tell of versions that follow each other round; nothing more is inferred from this key."""
        ids = {name: i for i, name in enumerate(dict.fromkeys(chain.from_iterable(known.follow)))}
        tail = np.array([ids[before] for before, _ in known.follow], np.int64)
        head = np.array([ids[after] for _, after in known.follow], np.int64)
        inside, label = components(tail, head, len(ids))
        part = label[tail[inside[0]]]
        round_ = [name for name, i in ids.items() if label[i] == part]
        txns = [self.found.txns[known.writer[v]] for v in round_ if v in known.writer]
        self.anomalies.add(
            "cyclic-versions",
            txns[:6],
            f"versions of {show_key(self.found, key)} follow each other round: "
            f"{', '.join(map(show_identity, round_[:6]))} ({', '.join(map(name_txn, txns[:6]))})",
        )

    def lost_updates(self, key: Hashable, known: _Key) -> None:
        final = known.final
        for version, readers in known.readers.items():
            if len(readers) < 2:
                continue
            several = [self.found.txns[number] for number in readers if number in final]
            if len(several) > 1:
                self.anomalies.add(
                    "lost-update",
                    several[:6],
                    f"{' and '.join(map(name_txn, several[:6]))} all read {show_identity(version)} from "
                    f"{show_key(self.found, key)}, and wrote it",
                )

    def because(self, tail: int, head: int, kind: int) -> str:
        """In words, why the first transaction came before the second."""
        for key, known in self.keys.items():
            where = show_key(self.found, key)
            if kind == WR:
                for version, readers in known.readers.items():
                    writer = known.writer.get(version)
                    if writer == tail and head in readers:
                        return (
                            f"it wrote {show_identity(version)} to {where}, and the other read that"
                        )
                continue
            for before, after in known.follow:
                writer = known.writer.get(after)
                if writer != head:
                    continue
                if kind == WW and known.writer.get(before) == tail:
                    return f"it wrote {show_identity(before)} to {where}, which the other's {show_identity(after)} replaced"
                if kind == RW and tail in known.readers.get(before, ()):
                    return f"it read {show_identity(before)} from {where}, which the other's {show_identity(after)} replaced"
        raise AssertionError((tail, head, kind))


def _writes(known: _Key, txns: Sequence[Txn]) -> Iterator[tuple[Op, _Version]]:
    """The final writes of transactions, by their beginnings."""
    for number in sorted(known.final):
        yield txns[number].op, known.final[number]


def _sequential(known: _Key, txns: Sequence[Txn]) -> dict[tuple[_Version, _Version], None]:
    """Each process writes its versions in its own order."""
    found: dict[tuple[_Version, _Version], None] = {}
    last: dict[int, _Version] = {}
    for op, version in _writes(known, txns):
        if op.process in last:
            found[last[op.process], version] = None
        last[op.process] = version
    return found


def _linearizable(known: _Key, txns: Sequence[Txn]) -> dict[tuple[_Version, _Version], None]:
    """Versions are written in the order of real time; only what does not follow from other pairs."""
    found: dict[tuple[_Version, _Version], None] = {}
    recent: dict[_Version, tuple[int, int]] = {}  # its beginning and its end
    ended: list[tuple[int, int, _Version]] = []
    for op, version in _writes(known, txns):
        for item in sorted(e for e in ended if e[0] < op.invoked):
            ended.remove(item)
            recent = {v: span for v, span in recent.items() if span[1] > item[1]}
            recent[item[2]] = item[1], item[0]
        for before in recent:
            found[before, version] = None
        if op.completed is not None and op.type == 1:
            ended.append((op.completed, op.invoked, version))
    return found
