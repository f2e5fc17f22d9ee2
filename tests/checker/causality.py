"""Small register histories of two keys, and causal consistency by its definitions.

Bouajjani, Enea, Guerraoui, Hamza, POPL 2017, section 3. With values written once, the causal order
can be no less than process order and reads-from, and more of it only asks for more: so that is it.
"""

from itertools import permutations

from checker.history import FAIL, OK, History
from checker.values import identity
from tests.checker.histories import play

Event = tuple[int, str, object, object]
"""Process, "r" or "w", key, the identity of the value."""


def causal_history(draws: list[tuple[int, int, int]], *, cas: bool = False) -> History:
    """Writes of new values to two keys; reads of what was written lately, or will be next."""
    written: dict[str, list[object]] = {"x": [None], "y": [None]}

    def new(key: str) -> int:
        written[key].append(sum(map(len, written.values())))
        return sum(map(len, written.values())) - 1

    def near(key: str, number: int) -> object:
        return written[key][-3:][number % len(written[key][-3:])]

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        key = "xy"[number % 2]
        if choice % 2:
            return "read", key, key  # for the answer, which is told no key
        if cas and choice % 8 == 0:
            old = near(key, number // 2)
            return "cas", key, [old, new(key)]
        return "write", key, new(key)

    def answer(f: str, value: object, number: int) -> object:
        if f != "read":
            return value
        return near(str(value), number // 2) if number < 9 else sum(map(len, written.values()))

    rows = play(draws, ask, answer).rows
    asks = [row._replace(value=None) if row.f == "read" and row.type != OK else row for row in rows]
    return History.of(asks)


def events(history: History) -> list[Event] | None:
    """In each process's order; None where a read saw what no op that may have happened wrote."""
    ops = [op for op in history.ops() if op.type != FAIL and (op.type == OK or op.f != "read")]
    found: list[Event] = []
    info: list[Event] = []
    for op in ops:
        into = found if op.type == OK else info
        old, new = (None, None) if op.f != "cas" else op.argument
        if op.f != "write":
            seen = op.result if op.f == "read" else old
            into.append((op.process, "r", op.key, identity(seen)))
        if op.f != "read":
            value = new if op.f == "cas" else op.argument
            into.append((op.process, "w", op.key, identity(value)))
    while True:  # ops of unknown fate count where what they wrote was seen
        wanted = {e[2:] for e in found if e[1] == "r" and e[3] is not None}
        there = {e[2:] for e in found if e[1] == "w"}
        more = [e for e in info if e[1] == "w" and e[2:] in wanted - there]
        if not more:
            return None if wanted - there else found
        for event in more:
            at = info.index(event)
            both = at and info[at - 1][:2] == (event[0], "r")
            found += info[at - 1 : at + 1] if both else [event]


class Twin:
    """The causal order as sets: for each event, all that come before it."""

    def __init__(self, found: list[Event]) -> None:
        self.events = found
        n = len(found)
        direct = {
            (a, b)
            for b in range(n)
            for a in range(n)
            if (found[a][0] == found[b][0] and a < b)
            or (found[a][1] == "w" and found[b][1] == "r" and found[a][2:] == found[b][2:])
        }
        self.past = [{a for a, b in direct if b == e} for e in range(n)]
        for _ in range(n):
            self.past = [p | {a for e in p for a in self.past[e]} for p in self.past]
        self.cyclic = any(e in self.past[e] for e in range(n))

    def legal(self, order: list[int]) -> bool:
        """Whether each read in this order sees the last write before it."""
        state: dict[object, object] = {}
        for e in order:
            _, f, key, value = self.events[e]
            if f == "w":
                state[key] = value
            elif state.get(key) != value:
                return False
        return True

    def orders(self, of: set[int]):
        """All orders of these events that extend the causal order."""
        if not of:
            yield []
        for e in of:
            if not self.past[e] & of:
                for rest in self.orders(of - {e}):
                    yield [e, *rest]

    def explained(self, read: int, shown: set[int]) -> bool:
        of = {e for e in self.past[read] | {read} if self.events[e][1] == "w" or e in shown}
        return any(self.legal(order) for order in self.orders(of))

    def holds(self, model: str) -> bool:
        if self.cyclic:
            return False
        reads = [e for e, event in enumerate(self.events) if event[1] == "r"]
        if model == "CC":
            return all(self.explained(read, {read}) for read in reads)
        if model == "CM":
            mine = {r: {e for e in reads if self.events[e][0] == self.events[r][0]} for r in reads}
            return all(self.explained(r, {e for e in mine[r] if e <= r}) for r in reads)
        writes = [e for e, event in enumerate(self.events) if event[1] == "w"]
        return any(
            all(not self.past[a] & {b} for i, a in enumerate(order) for b in order[i + 1 :])
            and all(self.legal([*(w for w in order if w in self.past[r]), r]) for r in reads)
            for order in permutations(writes)
        )
