"""Small histories for the checks that account: each list of draws is one, answers are near the truth."""

from random import Random

from checker.history import INFO, INVOKE, NEMESIS, OK, History, Row, node_process
from tests.checker.histories import play

Draws = list[tuple[int, int, int]]


def set_history(draws: Draws) -> History:
    """Adds, now and then of what was added already; reads of all that was asked for, but for some."""
    put: list[object] = []

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 10:
            put.append(1 if number == 0 else len(put) + 1)
            return "add", "x", put[-1]
        return "read", "x", None

    def answer(f: str, value: object, number: int) -> object:
        if f == "add":
            return value
        read = [v for i, v in enumerate(dict.fromkeys(put)) if number > 4 or (i + number) % 5]
        return read + ([99] if number == 9 else read[:1] if number == 8 else [])

    return play(draws, ask, answer)


def queue_history(draws: Draws) -> History:
    put: list[int] = []

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 10:
            put.append(1 if number == 0 else len(put) + 1)
            return "enqueue", "x", put[-1]
        return ("drain" if number < 3 else "dequeue"), "x", None

    def answer(f: str, value: object, number: int) -> object:
        if f == "enqueue":
            return value
        if f == "drain":
            return put[number % 3 :]
        return put[number % len(put)] if put and number < 8 else (None if number == 8 else 77)

    return play(draws, ask, answer)


def lock_history(draws: Draws) -> History:
    given = 0

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        return ("acquire" if choice < 14 else "release"), "x", None

    def answer(f: str, value: object, number: int) -> object:
        nonlocal given
        given += 1
        return (given - (number == 9) - 2 * (number == 8)) if f == "acquire" else None

    return play(draws, ask, answer)


def guarded_history(draws: Draws) -> History:
    """Writes with tokens that grow, now and then an old one; found is the last that was asked for, as a rule."""
    asked: list[list[int]] = []

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        asked.append([max(1, len(asked) // 2 - (choice == 0)), len(asked)])
        return "guarded", "x", asked[-1]

    def answer(f: str, value: object, number: int) -> object:
        place = asked.index(value) - 1 - (number == 9) + (number == 8)
        return asked[place] if 0 <= place < len(asked) else None

    return play(draws, ask, answer)


def lease_history(draws: Draws) -> History:
    """Each process acquires once, in its own token, and may refresh or release it. A row is a ms."""
    random, rows, now = Random(str(draws)), list[Row](), 0
    for process in range(4):
        now = max(0, now - random.randrange(3)) if random.randrange(3) == 0 else now
        ms = random.choice((5, 10, 20))
        for f, value, answer in (
            ("acquire", ms, process + 1),
            ("refresh", [process + 1, ms], process + 1),
            ("release", process + 1, process + 1),
        ):
            if f != "acquire" and random.randrange(2):
                continue
            asked = now + random.randrange(4)
            now = asked + 1 + random.randrange(4)
            rows.append(Row(asked * 1_000_000, process, INVOKE, f, "x", value))
            rows.append(Row(now * 1_000_000, process, OK, f, "x", answer))
        now += random.randrange(ms + 4)
    return History.of(sorted(rows, key=lambda row: row.time_ns))


def id_history(draws: Draws) -> History:
    def answer(f: str, value: object, number: int) -> object:
        return (number, True, 1.0, "1", [number])[number % 5] if number < 9 else len(draws)

    return play(draws, lambda choice, number: ("generate", None, None), answer)


def counter_history(draws: Draws) -> History:
    total: list[int] = []

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 10:
            total.append(number % 5 - 1)
            return ("add" if choice < 7 else "add-and-get"), "x", total[-1]
        return "read", "x", None

    def answer(f: str, value: object, number: int) -> object:
        if f == "add":
            return value
        near = sum(total[: max(len(total) - number // 3, 0)])
        return None if f == "read" and not near else near

    return play(draws, ask, answer)


def log_history(draws: Draws) -> History:
    """Offsets are given when an append is asked for, and now and then a wrong one is answered."""
    put: list[int] = []

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 10:
            put.append(len(put) + 1)
            return "append", "x", put[-1]
        return "read", "x", None

    def answer(f: str, value: object, number: int) -> object:
        if f == "append":
            return int(str(value)) * 2 + (2 * (number == 9)) - (3 * (number == 8))
        begin = number % 2
        entries = [[2 * v, v] for v in put[begin : len(put) - number // 4 % 2]]
        if number == 9 and len(entries) > 2:
            del entries[1]
        return entries + ([[50, 50]] if number == 7 else [])

    return play(draws, ask, answer)


def bank_history(draws: Draws) -> History:
    balances = {"a": 5, "b": 5}

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 8:
            return "transfer", None, {"from": "a", "to": "b", "amount": number % 4}
        return "read", None, None

    def answer(f: str, value: object, number: int) -> object:
        if isinstance(value, dict):
            balances["a"] -= int(value["amount"])
            balances["b"] += int(value["amount"])
            return value
        odd = [{"a": 5, "b": 4}, {"a": 5, "b": None}, {"a": 10}, {"a": 5, "b": 5, "c": 0}]
        return odd[number - 6] if number >= 6 else dict(balances)

    return play([(c, choice % 16, n) for c, choice, n in draws], ask, answer)


def fork_history(draws: Draws) -> History:
    """Each write is of a key of its own; reads are of the last two keys or the two before."""
    written: list[int] = []

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 6:
            written.append(len(written))
            return ("write" if choice < 3 else "txn"), None, [["w", written[-1], 1]]
        first = number % 2 if len(written) < 4 else len(written) - 3
        return (
            ("read" if choice < 10 else "txn"),
            None,
            [["r", first, None], ["r", first + 1, None]],
        )

    def answer(f: str, value: object, number: int) -> object:
        assert isinstance(value, list)
        if value[0][0] == "w":
            return value
        return [
            [r, key, 1 if key in written and (number >> i) & 1 else None]
            for i, (r, key, _) in enumerate(value)
        ]

    return play(draws, ask, answer)


def insert_history(draws: Draws) -> History:
    put: list[int] = []

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 10:
            put.append(len(put) + 1)
            return "write", "x", put[-1]
        return "read", "x", None

    def answer(f: str, value: object, number: int) -> object:
        if f == "write":
            return value
        read = [v for v in put if (v + number) % 4 or number > 4]
        return read + ([len(put) + 1] if number == 9 else [])

    return play(draws, ask, answer)


def note_history(random: Random) -> tuple[History, list[list[list[int]]]]:
    """What nodes executed of one key: mostly parts of one log; with the runs of each node."""
    rows: list[Row] = []
    nodes: list[list[list[int]]] = []
    for node in range(random.randrange(1, 4)):
        runs: list[list[int]] = []
        for _ in range(random.randrange(1, 3)):
            run = [what for what in range(5) if random.random() < 0.6]
            if random.random() < 0.3:
                random.shuffle(run)
            if random.random() < 0.2 and run:
                run += run[-2:]
            rows.append(Row(len(rows), node_process(node), INFO, "started", None, None))
            rows += [
                Row(len(rows) + i, node_process(node), INFO, "executed", None, ["x", what])
                for i, what in enumerate(run)
            ]
            runs.append(run)
        nodes.append(runs)
    return History.of(rows), nodes


def decided_history(random: Random) -> History:
    """Nodes note what was decided in slots."""
    return History.of(
        Row(i, node_process(random.randrange(3)), INFO, "decided", None, [slot, value])
        for i in range(random.randrange(8))
        for slot in [random.randrange(6)]
        for value in [slot if random.random() < 0.95 else "other"]
    )


def faulty_history(draws: Draws) -> History:
    """Ops, and windows of faults that begin and end among them."""
    rows: list[Row] = []
    opened: list[int] = []
    count = 0
    for row in play(draws, lambda c, n: ("read", "x", None), lambda f, v, n: n).rows:
        if row.process % 4 == 3:  # the turns of one client are the nemesis'
            phase = "end" if opened and row.type else "begin"
            window = opened.pop() if phase == "end" else count
            count += phase == "begin"
            opened += [window] if phase == "begin" else []
            value = {"phase": phase, "window": window}
            rows.append(Row(row.time_ns, NEMESIS, INFO, "pause", None, value))
        else:
            rows.append(row)
    return History.of(rows)
