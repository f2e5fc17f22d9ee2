"""The eventual workload, upon one copy that answers at once: what it asks, and that it can be red."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from checker.history import INVOKE, OK, History, Row
from checker.verdict import Outcome
from workloads.eventual import UntilAgreed, workload
from workloads.final_reads import reads_at_every_node
from workloads.kernel import Invoke, Options
from workloads.rehearsal import rehearse
from workloads.touched import Touched

OPTIONS = Options(threads=4, nodes=3, time_ms=2_000, rate=1_000, keys=2)


class Copy:
    """One copy of everything. ``forgets``: an element of each cart, once it is long enough."""

    def __init__(self, *, forgets: bool = False) -> None:
        self.values: dict[str, object] = {}
        self.forgets = forgets

    def __call__(self, invoke: Invoke) -> tuple[int, int, object]:
        key, value, here = invoke.key, invoke.value, self.values.get(invoke.key)
        answer: object = value
        match invoke.f:
            case "write":
                self.values[key] = value
            case "add":
                cart = here if isinstance(here, list) else []
                self.values[key] = [*cart[self.forgets and len(cart) == 5 :], value]
            case "delete":
                answer = [] if self.values.pop(key, None) is None else [here]
            case "replica":
                answer = [] if here is None else [here]
            case _:
                answer = here
        return 1_000_000, OK, answer


def play(store: Copy) -> list[Row]:
    made, touched = workload(), Touched()
    rows = rehearse(made.main(Random(7), OPTIONS), threads=4, answer=store)
    for row in rows:
        touched.hear(row)
    final = made.final(Random(8), replace(OPTIONS, touched=touched.keys))
    later = rehearse(final, threads=4, answer=store)
    return rows + [row._replace(time_ns=row.time_ns + rows[-1].time_ns) for row in later]


def test_it_asks_what_it_says_of_three_kinds_of_keys_and_every_node_in_the_end() -> None:
    asked = [row for row in play(Copy()) if row.type == INVOKE]
    assert {row.f for row in asked} == set(workload().commands)
    kinds = Counter((str(row.key)[0], row.f) for row in asked if row.f != "replica")
    assert set(kinds) == {
        ("r", "read"), ("r", "write"), ("s", "read"), ("s", "add"), ("d", "write"), ("d", "delete"),
    }  # fmt: skip
    looked = {(row.node, row.key) for row in asked if row.f == "replica"}
    assert {node for node, _ in looked} == {0, 1, 2}
    assert len(looked) == 3 * len({key for _, key in looked})


def test_one_copy_is_valid_and_one_that_forgets_is_not() -> None:
    for store, outcome in ((Copy(), Outcome.VALID), (Copy(forgets=True), Outcome.INVALID)):
        assert workload().checks["eventual"](History.of(play(store))).outcome is outcome


def test_it_asks_until_all_agree_but_not_for_ever() -> None:
    serial = iter(range(1_000))
    rounds = UntilAgreed(lambda: reads_at_every_node(["x"], threads=1, nodes=range(2)), rounds=3)
    rows = rehearse(rounds, threads=1, answer=lambda _: (1, OK, [next(serial)]))
    assert len(rows) == 3 * 2 * 2
