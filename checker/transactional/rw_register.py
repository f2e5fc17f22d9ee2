"""Transactions that read and write registers: the order of versions must be inferred.

Kingsbury, Alvaro, "Elle", VLDB 2020, section 5: with unique values it is known who wrote what was
read, but only some of the order of a key's versions: the initial nothing comes first; a transaction
that reads a version and writes another puts that after it (*writes follow reads*, which holds where
such a transaction is isolated at all); and, if it is claimed that each key by itself is sequential or
linearizable, versions are written in the order of their processes, or of real time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import partial

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


_Version = Hashable
"""The identity of a value; None is the initial nothing."""


@dataclass
class _Key:
    """``within`` are pairs (version, next) that one transaction read and then wrote, ``follow`` all
    pairs that are known; ordered sets.
    """

    writer: dict[_Version, Txn] = field(default_factory=dict)
    failed: dict[_Version, Txn] = field(default_factory=dict)
    readers: defaultdict[_Version, list[Txn]] = field(default_factory=lambda: defaultdict(list))
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
        for key, known in self.keys.items():
            if self.claims.wfr:
                known.follow |= known.within
            if self.claims.sequential:
                known.follow |= _sequential(known)
            if self.claims.linearizable:
                known.follow |= _linearizable(known)
            self.order(key, known)

    def take(self, txn: Txn) -> None:
        """Note what a transaction read of others and wrote, and what contradicts itself within it."""
        view: dict[Hashable, _Version] = {}
        read: dict[Hashable, _Version] = {}
        for f, key, value in txn.mops:
            version = identity(value)
            known = self.keys[key]
            if f == WRITE:
                self.write(txn, key, known, version)
            elif f != READ:
                raise Malformed(txn.op.invoked, f"{f!r} in a read-write transaction")
            elif key not in view:
                known.readers[version].append(txn)
                read[key] = version
            elif view[key] != version:
                self.anomalies.add(
                    "internal",
                    [txn],
                    f"{name_txn(txn)} read {show(value)} from {show_key(self.found, key)}, where it had "
                    f"itself read or written {show_identity(view[key])} before",
                )
            view[key] = version
        for key, version in read.items():
            final = self.keys[key].final.get(txn.number, version)
            if final != version:
                self.keys[key].within[version, final] = None

    def write(self, txn: Txn, key: Hashable, known: _Key, version: _Version) -> None:
        if version is None:
            raise Malformed(txn.op.invoked, "null stands for nothing written: write a value")
        if version in known.writer:
            where = f"{show_identity(version)} is written to {show_key(self.found, key)}"
            raise Malformed(txn.op.invoked, f"{where} twice: values must be unique")
        known.writer[version] = txn
        known.final[txn.number] = version

    def take_failed(self, txn: Txn) -> None:
        for f, key, value in txn.mops:
            if f == WRITE:
                self.keys[key].failed[identity(value)] = txn

    def order(self, key: Hashable, known: _Key) -> None:
        """One key: what is wrong with its versions, and the edges that follow."""
        for version in known.writer:
            if None in known.readers and known.final.get(known.writer[version].number) == version:
                known.follow.setdefault((None, version))
        self.reads(key, known)
        if self.cyclic(key, known):
            return
        for before, after in known.follow:
            writer = known.writer.get(after)
            if writer is None:
                continue
            earlier = known.writer.get(before)
            if earlier is not None:
                self.edges.add(earlier.number, writer.number, WW)
            for reader in known.readers.get(before, ()):
                self.edges.add(reader.number, writer.number, RW)
        self.lost_updates(key, known)

    def reads(self, key: Hashable, known: _Key) -> None:
        where = show_key(self.found, key)
        for version, readers in known.readers.items():
            writer = known.writer.get(version)
            if version is None:
                continue
            for reader in readers:
                said = f"{name_txn(reader)} read {show_identity(version)} from {where}"
                if writer is None:
                    failed = known.failed.get(version)
                    why = "but nobody wrote it"
                    if failed is not None:
                        why = f"but {name_txn(failed)}, which wrote it, failed"
                    self.anomalies.add(
                        "G1a", [reader, *([failed] if failed else [])], f"{said}, {why}"
                    )
                elif writer is reader:
                    self.anomalies.add(
                        "future-read", [reader], f"{said}, and wrote that only later"
                    )
                else:
                    self.edges.add(writer.number, reader.number, WR)
                    final = known.final[writer.number]
                    if final != version:
                        why = f"but {name_txn(writer)} went on to write {show_identity(final)}"
                        self.anomalies.add("G1b", [writer, reader], f"{said}, {why}")

    def cyclic(self, key: Hashable, known: _Key) -> bool:
        """Versions that follow each other round; then nothing more is inferred from this key."""
        names = {
            name: i for i, name in enumerate(dict.fromkeys(v for p in known.follow for v in p))
        }
        if not names:
            return False
        tail = np.array([names[a] for a, _ in known.follow], np.int64)
        head = np.array([names[b] for _, b in known.follow], np.int64)
        inside, label = components(tail, head, len(names))
        if not len(inside):
            return False
        part = label[tail[inside[0]]]
        round_ = [name for name, i in names.items() if label[i] == part]
        txns = [known.writer[v] for v in round_ if v in known.writer]
        self.anomalies.add(
            "cyclic-versions",
            txns[:6],
            f"versions of {show_key(self.found, key)} follow each other round: "
            f"{', '.join(map(show_identity, round_[:6]))} ({', '.join(map(name_txn, txns[:6]))})",
        )
        return True

    def lost_updates(self, key: Hashable, known: _Key) -> None:
        for version, readers in known.readers.items():
            several = [txn for txn in readers if txn.number in known.final]
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
                    if writer and writer.number == tail and any(r.number == head for r in readers):
                        return (
                            f"it wrote {show_identity(version)} to {where}, and the other read that"
                        )
                continue
            for before, after in known.follow:
                writer = known.writer.get(after)
                if writer is None or writer.number != head:
                    continue
                earlier = known.writer.get(before)
                if kind == WW and earlier is not None and earlier.number == tail:
                    return f"it wrote {show_identity(before)} to {where}, which the other's {show_identity(after)} replaced"
                if kind == RW and any(r.number == tail for r in known.readers.get(before, ())):
                    return f"it read {show_identity(before)} from {where}, which the other's {show_identity(after)} replaced"
        raise AssertionError((tail, head, kind))


def _writes(known: _Key) -> Iterator[tuple[Op, _Version]]:
    """The final writes of transactions, by their beginnings."""
    ops = {known.writer[version].op.invoked: version for version in known.final.values()}
    for invoked in sorted(ops):
        yield known.writer[ops[invoked]].op, ops[invoked]


def _sequential(known: _Key) -> dict[tuple[_Version, _Version], None]:
    """Each process writes its versions in its own order."""
    found: dict[tuple[_Version, _Version], None] = {}
    last: dict[int, _Version] = {}
    for op, version in _writes(known):
        if op.process in last:
            found[last[op.process], version] = None
        last[op.process] = version
    return found


def _linearizable(known: _Key) -> dict[tuple[_Version, _Version], None]:
    """Versions are written in the order of real time; only what does not follow from other pairs."""
    found: dict[tuple[_Version, _Version], None] = {}
    recent: dict[_Version, tuple[int, int]] = {}  # its beginning and its end
    ended: list[tuple[int, int, _Version]] = []
    for op, version in _writes(known):
        for item in sorted(e for e in ended if e[0] < op.invoked):
            ended.remove(item)
            recent = {v: span for v, span in recent.items() if span[1] > item[1]}
            recent[item[2]] = item[1], item[0]
        for before in recent:
            found[before, version] = None
        if op.completed is not None and op.type == 1:
            ended.append((op.completed, op.invoked, version))
    return found
