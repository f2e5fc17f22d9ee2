"""Small transactional histories, and whether some order of the transactions explains them."""

from checker.history import FAIL, INFO, OK, History, Op
from tests.checker.histories import play

KEYS = ("x", "y")


def append_history(draws: list[tuple[int, int, int]], *, final: bool = False) -> History:
    """Appends, and reads of what was appended before, often of all of it.

    ``final``: everything is answered, and at the end one reads all.
    """
    lists: dict[str, list[int]] = {key: [] for key in KEYS}
    count = 0

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        nonlocal count
        mops: list[list[object]] = []
        for bit in range(1 + number % 2):
            key = KEYS[(choice >> bit) & 1]
            if (choice >> (bit + 2)) & 1:
                count += 1
                mops.append(["append", key, count])
                lists[key].append(count)
            else:
                mops.append(["r", key, None])
        return "txn", None, mops

    def answer(f: str, value: object, number: int) -> object:
        done = []
        own: dict[str, list[int]] = {}
        for i, (what, key, argument) in enumerate(value):
            if what == "append":
                own.setdefault(key, []).append(argument)
                done.append([what, key, argument])
                continue
            others = [e for e in lists[key] if not any(m[1:] == [key, e] for m in value)]
            missing = (0, 0, 0, 1, 0, 2, 0, 1, 3, 0)[(number + i) % 10]
            done.append([what, key, others[: max(len(others) - missing, 0)] + own.get(key, [])])
        return done

    if final:
        draws = [(client, choice % 16, number) for client, choice, number in draws]
    history = play(draws, ask, answer)
    return closed(history, lists) if final else history


def closed(history: History, lists: dict[str, list[int]]) -> History:
    """Without what was not answered, and with a last transaction that reads all."""
    rows = [row for i, row in enumerate(history.rows) if history.partner[i] >= 0]
    left = {m[2] for row in rows for m in row.value if m[0] == "append"}
    known = {key: [e for e in some if e in left] for key, some in lists.items()}
    rows = [
        row._replace(
            value=[
                [f, k, [e for e in v if e in left] if f == "r" and v else v]
                for f, k, v in row.value
            ]
        )
        for row in rows
    ]
    last = rows[-1]._replace(process=99) if rows else None
    if last is not None:
        read = [["r", key, None] for key in KEYS]
        rows.append(last._replace(type=0, f="txn", value=read))
        rows.append(last._replace(type=1, f="txn", value=[["r", k, known[k]] for k in KEYS]))
    return History.of(row._replace(time_ns=i * 1_000_000) for i, row in enumerate(rows))


def run_appends(state: dict[str, tuple[int, ...]], op: Op) -> dict[str, tuple[int, ...]] | None:
    """The state after a transaction, or None where it cannot have read what it did."""
    state = dict(state)
    for f, key, value in op.result if op.type == OK else op.argument:
        if f == "append":
            state[key] = (*state.get(key, ()), value)
        elif op.type == OK and tuple(value or ()) != state.get(key, ()):
            return None
    return state


def run_writes(state: dict[str, object], op: Op) -> dict[str, object] | None:
    state = dict(state)
    for f, key, value in op.result if op.type == OK else op.argument:
        if f == "w":
            state[key] = value
        elif op.type == OK and value != state.get(key):
            return None
    return state


def serializable(history: History, run, *, strict: bool) -> bool:
    """Some order of the transactions, within real time if strict, explains every read."""
    ops = [op for op in history.ops() if op.type != FAIL]

    def search(state, left: list[Op]) -> bool:
        if all(op.type == INFO for op in left):
            return True
        first_end = min(op.completed for op in left if op.type == OK)
        for op in left:
            if strict and op.invoked > first_end:
                continue
            after = run(state, op)
            if after is not None and search(after, [o for o in left if o is not op]):
                return True
        return False

    return search({}, ops)


def write_history(draws: list[tuple[int, int, int]]) -> History:
    """Writes of unique values, and reads of what was written lately."""
    written: dict[str, list[object]] = {key: [None] for key in KEYS}
    count = 0

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        nonlocal count
        mops: list[list[object]] = []
        for bit in range(1 + number % 2):
            key = KEYS[(choice >> bit) & 1]
            if (choice >> (bit + 2)) & 1:
                count += 1
                mops.append(["w", key, count])
            else:
                mops.append(["r", key, None])
        return "txn", None, mops

    def answer(f: str, value: object, number: int) -> object:
        done = []
        own: dict[str, object] = {}
        for i, (what, key, argument) in enumerate(value):
            if what == "w":
                own[key] = argument
                written[key].append(argument)
                done.append([what, key, argument])
            else:
                recent = written[key][-3:]
                done.append([what, key, own.get(key, recent[-1 - (number >> i) % len(recent)])])
        return done

    return play(draws, ask, answer)
