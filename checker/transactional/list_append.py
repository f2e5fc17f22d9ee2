"""Transactions that append to lists and read them whole: the order of versions is in the reads.

Kingsbury, Alvaro, "Elle", VLDB 2020, section 4: with unique elements, the longest read of a key is
the order of its appends, and every other read must be a prefix of it. Time is linear in the size of
what was read, and the memory in the number of transactions and dependencies.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import cast

from checker.history import History
from checker.phrases import show
from checker.shapes import Malformed, answers
from checker.transactional.decide import decide
from checker.transactional.graph import RW, WR, WW, Edges
from checker.transactional.report import Anomalies, name_txn, show_identity, show_key
from checker.transactional.transactions import APPEND, READ, Transactions, Txn
from checker.values import Json, identity
from checker.verdict import Verdict

_PLAIN = {int, str}
_NOBODY = -1
Elements = list[Hashable]


@answers
def check(history: History, *, model: str = "strict-serializable") -> Verdict:
    """*Invalid* where an anomaly rules out ``model`` (a name of ``lattice.WEAKER``).

    ``details``: ``anomalies`` (name: number), ``refuted`` models, the ``strongest`` that stand, and
    ``examples``. *Vacuous* where nothing was read. *Unknown* for what is no list-append.
    """
    return decide(history, _Inference, model=model)


@dataclass
class _Key:
    """What is known of one list: who appended each element, and the longest read."""

    writer: dict[Hashable, Txn] = field(default_factory=dict)
    failed: dict[Hashable, Txn] = field(default_factory=dict)
    longest: Elements = field(default_factory=list)
    longest_by: Txn | None = None
    reads: list[tuple[Txn, Elements, bool]] = field(default_factory=list)
    """Each read; and whether it is the transaction's first word on the key, so of others only."""
    last: dict[int, Hashable] = field(default_factory=dict)
    """Of each transaction the last element that it appended: the rest are intermediate."""


class _Inference:
    def __init__(self, found: Transactions) -> None:
        self.found = found
        self.keys: defaultdict[Hashable, _Key] = defaultdict(_Key)
        self.edges = Edges.none()
        self.anomalies = Anomalies()

    def run(self) -> None:
        for txn in self.found.failed:
            for f, key, value in txn.mops:
                if f == APPEND:
                    self.keys[key].failed[_element(value)] = txn
        for txn in self.found.txns:
            self.take(txn)
        for key, known in self.keys.items():
            self.order(key, known)

    def take(self, txn: Txn) -> None:
        """Note what a transaction appended and read, and what contradicts itself within it."""
        own: dict[Hashable, Elements] = {}
        view: dict[Hashable, tuple[Elements, Elements]] = {}  # read last, and appended since
        for f, key, value in txn.mops:
            known = self.keys[key]
            if f == APPEND:
                element = _element(value)
                if element in known.writer:
                    where = f"{show(value)} is appended to {show_key(self.found, key)} twice"
                    raise Malformed(txn.op.invoked, f"{where}: elements must be unique")
                known.writer[element] = txn
                known.last[txn.number] = element
                own.setdefault(key, []).append(element)
                if key in view:
                    view[key][1].append(element)
                continue
            if f != READ:
                raise Malformed(txn.op.invoked, f"{f!r} in a list-append transaction")
            elements = _elements(value, txn.op.invoked)
            self.internal(txn, key, elements, view.get(key), own.get(key, ()))
            known.reads.append((txn, elements, key not in own and key not in view))
            if len(elements) > len(known.longest) or known.longest_by is None:
                known.longest, known.longest_by = elements, txn
            view[key] = elements, []

    def internal(
        self,
        txn: Txn,
        key: Hashable,
        elements: Elements,
        before: tuple[Elements, Elements] | None,
        own: Sequence[Hashable],
    ) -> None:
        """A transaction sees its own appends, and what it saw before."""
        if before is None:
            fine = not own or elements[-len(own) :] == list(own)
        else:
            size = len(before[0])
            fine = elements[:size] == before[0] and elements[size:] == before[1]
        if not fine:
            self.anomalies.add(
                "internal",
                [txn],
                f"{name_txn(txn)} read {show_key(self.found, key)} as {_list(elements)}, against what "
                "it had itself read or appended before",
            )

    def order(self, key: Hashable, known: _Key) -> None:
        """One key: versions, what is wrong with them, and the edges that follow."""
        longest = known.longest
        if len(set(longest)) < len(longest):
            self.duplicates(key, known)
            return
        for txn, elements, _ in known.reads:
            if elements != longest[: len(elements)]:
                self.incompatible(key, known, txn, elements)
                return
        self.aborted(key, known)
        writers = [known.writer.get(element) for element in longest]
        order = [_NOBODY if writer is None else writer.number for writer in writers]
        self.edges.extend(order[:-1], order[1:], WW)
        first_reads = [(txn, elements) for txn, elements, first in known.reads if first]
        numbers = [txn.number for txn, _ in first_reads]
        sizes = [len(elements) for _, elements in first_reads]
        before, after = [_NOBODY, *order], [*order, _NOBODY]
        self.edges.extend([before[size] for size in sizes], numbers, WR)
        self.edges.extend(numbers, [after[size] for size in sizes], RW)
        readers: dict[int, list[Txn]] = {}
        for (txn, elements), size in zip(first_reads, sizes, strict=True):
            writer = writers[size - 1] if size else None
            if writer is txn:
                self.own_future(key, txn, elements)
            elif writer is not None and known.last[writer.number] != elements[-1]:
                self.intermediate(key, known, txn, writer, elements)
            if txn.number in known.last:
                readers.setdefault(size, []).append(txn)
        for version, several in readers.items():
            if len(several) > 1:
                self.anomalies.add(
                    "lost-update",
                    several,
                    f"{' and '.join(map(name_txn, several[:4]))} all read {show_key(self.found, key)} "
                    f"with {version} elements, and appended to it",
                )

    def own_future(self, key: Hashable, txn: Txn, elements: Elements) -> None:
        self.anomalies.add(
            "future-read",
            [txn],
            f"{name_txn(txn)} read {show_key(self.found, key)} as {_list(elements)}, "
            "which it appended to only later",
        )

    def intermediate(
        self, key: Hashable, known: _Key, txn: Txn, writer: Txn, elements: Elements
    ) -> None:
        """A read of a version that its writer went on from."""
        last = show_identity(known.last[writer.number])
        self.anomalies.add(
            "G1b",
            [writer, txn],
            f"{name_txn(txn)} read {show_key(self.found, key)} up to {show_identity(elements[-1])}, "
            f"but {name_txn(writer)} went on to append {last}",
        )

    def aborted(self, key: Hashable, known: _Key) -> None:
        """Elements of failed transactions, and of nobody."""
        where = show_key(self.found, key)
        for i, element in enumerate(known.longest):
            if element in known.writer:
                continue
            reader = next(txn for txn, elements, _ in known.reads if len(elements) > i)
            writer = known.failed.get(element)
            if writer is None:
                self.anomalies.add(
                    "G1a",
                    [reader],
                    f"{name_txn(reader)} read {show_identity(element)} in {where}, but nobody appended it",
                )
                continue
            self.anomalies.add(
                "G1a",
                [writer, reader],
                f"{name_txn(reader)} read {show_identity(element)} in {where}, but {name_txn(writer)}, which "
                "appended it, failed",
            )
            later = next(
                (known.writer[e] for e in known.longest[i + 1 :] if e in known.writer), None
            )
            if later is not None:
                self.anomalies.add(
                    "dirty-update",
                    [writer, later],
                    f"{name_txn(later)} appended to {where} after {show_identity(element)}, but "
                    f"{name_txn(writer)}, which appended that, failed",
                )

    def duplicates(self, key: Hashable, known: _Key) -> None:
        counts = Counter(known.longest)
        twice = next(element for element in known.longest if counts[element] > 1)
        assert known.longest_by is not None
        self.anomalies.add(
            "duplicate-elements",
            [known.longest_by],
            f"{name_txn(known.longest_by)} read {show_key(self.found, key)} with {show_identity(twice)} twice",
        )

    def incompatible(self, key: Hashable, known: _Key, txn: Txn, elements: Elements) -> None:
        assert known.longest_by is not None
        both = zip(elements, known.longest, strict=False)
        at = next(i for i, (a, b) in enumerate(both) if a != b)
        self.anomalies.add(
            "incompatible-order",
            [txn, known.longest_by],
            f"element {at} of {show_key(self.found, key)} was {show_identity(elements[at])} for {name_txn(txn)} "
            f"and {show_identity(known.longest[at])} for {name_txn(known.longest_by)}",
        )

    def because(self, tail: int, head: int, kind: int) -> str:
        """In words, why the first transaction came before the second."""
        for key, known in self.keys.items():
            for place, element in enumerate(known.longest):
                writer = known.writer.get(element)
                if writer is None:
                    continue
                where = show_key(self.found, key)
                if kind == WW and writer.number == head and place:
                    before = known.writer.get(known.longest[place - 1])
                    if before is not None and before.number == tail:
                        earlier = show_identity(known.longest[place - 1])
                        return f"it appended {earlier} to {where}, and the other {show_identity(element)} after it"
                if kind == WR and writer.number == tail and self.saw(known, head, place + 1):
                    return (
                        f"it appended {show_identity(element)} to {where}, and the other read that"
                    )
                if kind == RW and writer.number == head and self.saw(known, tail, place):
                    return f"it read {where} without {show_identity(element)}, which the other appended"
        raise AssertionError((tail, head, kind))

    @staticmethod
    def saw(known: _Key, number: int, size: int) -> bool:
        return any(
            first and txn.number == number and len(elements) == size
            for txn, elements, first in known.reads
        )


def _element(value: Json) -> Hashable:
    return value if type(value) in _PLAIN else identity(value)


def _elements(value: Json, row: int) -> Elements:
    """A list read, as identities; the very list where these are the values themselves."""
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise Malformed(row, f"a read of a list gave {show(value)}")
    if set(map(type, value)) <= _PLAIN:
        return cast("Elements", value if isinstance(value, list) else list(value))
    return [identity(element) for element in value]


def _list(elements: Elements) -> str:
    shown = ", ".join(map(show_identity, elements[-5:]))
    return f"[{'..., ' if len(elements) > 5 else ''}{shown}]"
