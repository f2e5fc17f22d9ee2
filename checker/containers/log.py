"""Append-only logs with offsets: ``append`` answers the offset, ``read`` [[offset, value], ...].

The offsets are the order, so nothing needs to be searched (total order broadcast: Cachin, Guerraoui,
Rodrigues, "Introduction to Reliable and Secure Distributed Programming", 2nd ed., section 6.1). An
offset has one value, which somebody appended; a read leaves out nothing between the first and the
last that it saw; and each entry is there by the end of the append that was told its offset, and of
any read that saw it or one after it, so the append of no lower offset may begin later than that.
With values appended once, exactly the histories of such a log pass. n log n.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from checker.containers.objects import by_value, judge_objects
from checker.history import FAIL, OK, History, Op
from checker.phrases import name_op, show
from checker.shapes import Malformed, answer_row, answers, integer, listed
from checker.values import Json, identity
from checker.verdict import Verdict
from checker.witness import Witness

Entry = tuple[int, Json]


@answers
def check(history: History) -> Verdict:
    """One log a key. Offsets are ints; they may have gaps, where nobody is known to have appended."""
    return judge_objects(history, _find, what="log", observers=frozenset({"read"}))


@dataclass
class _Log:
    """What is known of one log: its answered ops with their entries, and who asked for a value."""

    appends: list[tuple[Op, Entry]] = field(default_factory=list)
    reads: list[tuple[Op, list[Entry]]] = field(default_factory=list)
    asked: dict[Hashable, list[Op]] = field(default_factory=dict)
    failed: dict[Hashable, list[Op]] = field(default_factory=dict)

    def seen(self) -> Iterator[tuple[Op, Entry]]:
        yield from self.appends
        for op, entries in self.reads:
            for entry in entries:
                yield op, entry


def _find(history: History, ops: Sequence[Op]) -> list[Witness]:
    log = _log(ops)
    found = [*_contents(history, log)]
    return found or [*_order(history, log), *_gaps(history, log)]


def _log(ops: Sequence[Op]) -> _Log:
    """Raises Malformed for what is not a log's."""
    log = _Log()
    for op in ops:
        if op.f not in ("append", "read"):
            raise Malformed(op.invoked, f"a log does not know {op.f!r}")
        row = answer_row(op)
        if op.type != OK:
            continue
        if op.f == "append":
            log.appends.append((op, (integer(op.result, row, "an offset"), op.argument)))
            continue
        entries: list[Entry] = []
        for entry in listed(op.result, row, "what is read of a log"):
            if not isinstance(entry, (list, tuple)) or len(entry) != 2:
                raise Malformed(row, f"an entry is [offset, value], not {show(entry)}")
            entries.append((integer(entry[0], row, "an offset"), entry[1]))
        log.reads.append((op, entries))
    log.asked |= by_value([op for op in ops if op.f == "append" and op.type != FAIL])
    log.failed |= by_value([op for op in ops if op.f == "append" and op.type == FAIL])
    return log


def _contents(history: History, log: _Log) -> Iterator[Witness]:
    """An offset has the same value to everybody, and somebody appended it."""
    known: dict[int, tuple[Op, Json]] = {}
    places: dict[Hashable, tuple[Op, int]] = {}
    for op, (offset, value) in log.seen():
        name = identity(value)
        first, other = known.setdefault(offset, (op, value))
        before, place = places.setdefault(name, (op, offset))
        if identity(other) != name:
            yield _told("two values at one offset", first, op).because(
                f"offset {offset} held {show(other)} for {_named(history, first)} "
                f"and {show(value)} for {_named(history, op)}"
            )
        elif name not in log.asked:
            failed = log.failed.get(name, [])
            witness = _told("value never appended", op, *failed[:1])
            why = "but nobody appended it"
            if failed:
                witness.title = "value of a failed append"
                why = f"but {_named(history, failed[0])} failed"
            yield witness.because(
                f"{_named(history, op)} had {show(value)} at offset {offset}, {why}"
            )
        elif place != offset and len(log.asked[name]) == 1:
            yield _told("one value at two offsets", before, op).because(
                f"{show(value)} was appended once, but {_named(history, before)} had it at offset "
                f"{place} and {_named(history, op)} at offset {offset}"
            )


class _Told(Witness):
    def because(self, line: str) -> _Told:
        self.lines.append(line)
        return self


def _told(title: str, *ops: Op) -> _Told:
    witness = _Told(title)
    witness.add(*(op.invoked for op in ops))
    return witness


def _named(history: History, op: Op) -> str:
    return f"{name_op(history, op.invoked)} (row {answer_row(op)})"


def _order(history: History, log: _Log) -> Iterator[Witness]:
    """Sweep down the offsets, keeping by when the entry of this or a higher offset was there.

    An append's beginning is that of the op told this offset, or else of the only one that asked for
    the value seen there.
    """
    by: dict[int, Op] = {}
    append: dict[int, Op] = {}
    for op, (offset, value) in log.seen():
        if offset not in by or answer_row(op) < answer_row(by[offset]):
            by[offset] = op
        askers = log.asked[identity(value)]
        if op.f == "append":
            append[offset] = op
        elif len(askers) == 1:
            append.setdefault(offset, askers[0])
    first: Op | None = None
    at = 0
    for offset in sorted(by, reverse=True):
        if first is None or answer_row(by[offset]) < answer_row(first):
            first, at = by[offset], offset
        writer = append.get(offset)
        if writer is not None and answer_row(first) < writer.invoked:
            same = at == offset
            witness = Witness(
                "read before it was appended" if same else "offsets against real time"
            )
            witness.precede(history, answer_row(first), writer.invoked)
            if not same:
                witness.lines.append(f"but the first had offset {at} and the second got {offset}")
            yield witness


def _gaps(history: History, log: _Log) -> Iterator[Witness]:
    """A read that jumps over an offset at which something is."""
    holds = {offset: op for op, (offset, _) in reversed([*log.seen()])}
    value = {offset: value for _, (offset, value) in log.seen()}
    offsets = sorted(holds)
    for read, entries in log.reads:
        if not entries:
            continue
        there = {offset for offset, _ in entries}
        low, high = bisect_left(offsets, min(there)), bisect_right(offsets, max(there))
        if high - low == len(there):
            continue
        offset = next(o for o in offsets[low:high] if o not in there)
        witness = Witness("append skipped")
        witness.add(holds[offset].invoked, read.invoked)
        witness.lines.append(
            f"{_named(history, read)} went past offset {offset} without {show(value[offset])}, which "
            f"{_named(history, holds[offset])} had there"
        )
        yield witness
