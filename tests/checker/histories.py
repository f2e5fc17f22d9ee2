"""Small histories for Hypothesis: any list of draws is a history, so that shrinking is easy."""

from collections.abc import Callable
from random import Random

from hypothesis import strategies as st

from checker.history import FAIL, INFO, INVOKE, OK, History, Row

DRAWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 19), st.integers(0, 9)), max_size=16)
"""A turn of one of four clients, with two numbers to decide by."""


def play(
    draws: list[tuple[int, int, int]],
    ask: Callable[[int, int], tuple[str, object, object]],
    answer: Callable[[str, object, int], object],
) -> History:
    """Each turn invokes ``ask(choice, number) -> (f, key, value)``, or completes what is open.

    A completion is ok in 16 of 20, with the value ``answer(f, value, number)``; else info or fail.
    """
    rows: list[Row] = []
    pending: dict[int, tuple[str, object, object]] = {}
    names = {client: client for client in range(4)}
    for client, choice, number in draws:
        at, process = len(rows) * 1_000_000, names[client]
        if client not in pending:
            f, key, value = pending[client] = ask(choice, number)
            rows.append(Row(at, process, INVOKE, f, key, value))
            continue
        f, key, value = pending.pop(client)
        if choice < 16:
            rows.append(Row(at, process, OK, f, key, answer(f, value, number)))
        elif choice < 18:
            rows.append(Row(at, process, INFO, f, key, value))
            names[client] += 4
        else:
            rows.append(Row(at, process, FAIL, f, key, value))
    return History.of(rows)


def register_history(draws: list[tuple[int, int, int]], *, cas: bool, unique: bool) -> History:
    """Ops on one key; reads and the old values of cas are near what was written."""
    written: list[object] = [None]
    labels = (1, True, 1.0, "1", [1], "a", {"a": 1}, 0, False, "None")

    def near(number: int) -> object:
        recent = written[-4:]
        return recent[number % len(recent)] if number < 9 else labels[len(written) % 10]

    def new(number: int) -> object:
        value: object = labels[len(written) % 10] if unique else number % 3
        if unique and len(written) > 10:
            value = len(written) + 100
        written.append(value)
        return value

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 8:
            return "read", "x", None
        if cas and choice < 14:
            old = near(number)
            return "cas", "x", [old, new(number)]
        return "write", "x", new(number)

    def answer(f: str, value: object, number: int) -> object:
        return near(number) if f == "read" else value

    return play(draws, ask, answer)


def object_history(draws: list[tuple[int, int, int]], model: str, *, unique: bool) -> History:
    """Ops of one object of this model; answers are near what was put in."""
    put: list[object] = []
    taken: list[object] = []
    changing, taking, answering = OBJECTS[model]

    def new(number: int) -> object:
        value = len(put) + 1 if unique else number % 3 + 1
        put.append(value)
        return value

    def near(number: int) -> object:
        recent = put[-4:]
        return recent[number % len(recent)] if recent and number < 8 else None

    def ask(choice: int, number: int) -> tuple[str, object, object]:
        if choice < 9:
            return changing[number % len(changing)], "x", new(number)
        f = taking[number % len(taking)]
        return f, "x", near(number) if f in ("remove", "contains") else None

    def answer(f: str, value: object, number: int) -> object:
        match f:
            case "contains":
                return number % 2 == 0
            case "add-and-get" | "read" if model == "counter":
                return sum(put[: number % (len(put) + 1)])
            case "read" if model == "set":
                return sorted({v for v in put if (number >> int(str(v)) % 4) & 1})
        if f == "read":
            return near(number)
        return take(number) if f in answering else value

    def take(number: int) -> object:
        """Mostly what is still inside, now and then nothing or what was taken already."""
        left = [value for value in put if value not in taken]
        if number >= 8 or not left:
            return near(number) if number == 9 else None
        value = left[number % min(len(left), 3)]
        taken.append(value)
        return value

    return play(draws, ask, answer)


OBJECTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "register": (("write",), ("read",), ("read",)),
    "queue": (("enqueue",), ("dequeue",), ("dequeue",)),
    "stack": (("push",), ("pop",), ("pop",)),
    "priority-queue": (("insert",), ("poll",), ("poll",)),
    "set": (("add",), ("remove", "contains", "read"), ()),
    "counter": (("add", "add", "add-and-get"), ("read",), ()),
    "mutex": (("acquire",), ("release",), ()),
}
"""For each model: what puts a value in, what takes or looks, and whose answer is a value."""


def interleaved(parts: list[History], random: Random) -> History:
    """One history of several, each with its own key and processes."""
    left = [list(part.rows) for part in parts]
    rows: list[Row] = []
    while any(left):
        key = random.choice([k for k, some in enumerate(left) if some])
        row = left[key].pop(0)
        rows.append(row._replace(key=key, process=row.process * 3 + key, time_ns=len(rows)))
    return History.of(rows)
