"""The shell's commands, against a holder that only notes what it was asked."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import HarnessError
from harness.running.logs import slots
from harness.running.shell import VERBS, Shell
from nemesis.actions import Cut, Fault, Kill, Pause, Shape, Weather, Wipe
from nemesis.encoding import fault_from_json

OK = {"outcome": "ok", "value": 1, "node": "n1", "ms": 2.0}


class Holder:
    """Answers as told; keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "invoke": OK,
            "fault": {"number": 1, "name": "f", "proof": [{"probe": "udp", "bit": True, "ms": 3}]},
            **answers,
        }
        self.asked: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.shell = Shell(self, ["n1", "n2", "n3"], self.said.append)

    def __call__(self, do: str, **fields: Any) -> dict[str, Any]:
        self.asked.append({"do": do, **fields})
        answer = self.answers[do]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer

    def fault(self) -> Fault:
        fault = fault_from_json(self.asked[-1]["fault"])
        assert isinstance(fault, Fault)
        return fault


@pytest.mark.parametrize(
    ("line", "f", "key", "value", "node"),
    [
        ("get x", "read", "x", None, None),
        ("get x @n2", "read", "x", None, 1),
        ("put x 5", "write", "x", 5, None),
        ("put x '{\"a\": [1]}' @3", "write", "x", {"a": [1]}, 2),
        ("put x five", "write", "x", "five", None),
        ("put 'a key' \"5\"", "write", "a key", 5, None),
        ("cas x null [1,2]", "cas", "x", [None, [1, 2]], None),
        ("append x 1", "append", "x", 1, None),
        ("delete x @n1", "write", "x", None, 0),
    ],
)
def test_a_client_s_command(line: str, f: str, key: str, value: object, node: int | None) -> None:
    holder = Holder()
    assert holder.shell.run(line) == 0
    (asked,) = holder.asked
    assert [asked[n] for n in ("do", "f", "key", "value", "node")] == [
        "invoke",
        f,
        key,
        value,
        node,
    ]
    assert holder.said == ["ok  1   (n1, 2.0 ms)"]


@pytest.mark.parametrize(("outcome", "status"), [("fail", 1), ("info", 2)])
def test_what_was_not_done_is_no_success_and_ends_the_line(outcome: str, status: int) -> None:
    holder = Holder(invoke={"outcome": outcome, "error": "why", "node": "n1", "ms": 1.0})
    assert holder.shell.run("get x; put x 1") == status
    assert len(holder.asked) == 1
    assert holder.said == [f"{outcome}  why   (n1, 1.0 ms)"]


def answer(node: str, value: object = 1, outcome: str = "ok") -> dict[str, object]:
    return {"outcome": outcome, "value": value, "error": "why", "node": node, "ms": 1.0}


@pytest.mark.parametrize(
    ("at", "nodes"),
    [("all", [0, 1, 2]), ("majority", [0, 1, 2]), ("n3,n1", [2, 0]), ("eu", [0, 2])],
)
def test_several_nodes_are_asked_the_same(at: str, nodes: list[int]) -> None:
    zones = {"nodes": [{"zone": zone} for zone in ("eu", "us", "eu")]}
    answers = [answer(f"n{node + 1}") for node in nodes]
    holder = Holder(invoke_at={"answers": answers}, status=zones)
    assert holder.shell.run(f"get x @{at}") == 0
    assert (holder.asked[-1]["do"], holder.asked[-1]["nodes"]) == ("invoke_at", nodes)
    assert holder.said[0] == f"ok  1   (n{nodes[0] + 1}, 1.0 ms)"
    assert holder.said[-1].startswith(f"{len(nodes)} of {len(nodes)} ok,")


@pytest.mark.parametrize(
    ("at", "values", "status", "said"),
    [
        ("all", [1, 1, None], 2, "2 of 3 ok, 3 needed: the same"),
        ("majority", [1, 1, None], 0, "2 of 3 ok, 2 needed: the same"),
        ("majority", [1, None, None], 2, "1 of 3 ok, 2 needed: no two to compare"),
        ("majority", [1, 1, 2], 1, "3 of 3 ok, 2 needed: they differ"),
    ],
)
def test_it_is_done_if_enough_answered_and_none_another_thing(
    at: str, values: list[int | None], status: int, said: str
) -> None:
    answers = [
        answer(f"n{node}", value, "info" if value is None else "ok")
        for node, value in enumerate(values, 1)
    ]
    holder = Holder(invoke_at={"answers": answers})
    assert holder.shell.run(f"put x 1 @{at}") == status
    assert holder.said[-1] == said


def test_a_node_is_made_to_lead_and_seen_to() -> None:
    holder = Holder(status={"nodes": [{}, {"leader": 1}, {"leader": 1}]})
    assert holder.shell.run("lead n2") == 0
    assert [holder.asked[0][n] for n in ("do", "f", "value", "node")] == ["invoke", "lead", 1, None]
    assert holder.said[0].startswith("n2 leads")


def test_who_never_says_that_it_leads_does_not() -> None:
    holder = Holder(status={"nodes": [{}, {"leader": 0}, {"leader": 0}]})
    seconds = iter(range(100))
    holder.shell.clock, holder.shell.wait = lambda: next(seconds), lambda _s: None
    assert holder.shell.run("lead n2") == 1
    assert holder.said == ["n2 does not say that it leads"]


def test_a_protocol_that_hands_nothing_over_refuses() -> None:
    holder = Holder(invoke=answer("n1", outcome="fail"))
    assert holder.shell.run("lead n2") == 1
    assert holder.said == ["fail  why   (n1, 1.0 ms)"]


def both_ways(links: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted({*links, *((b, a) for a, b in links)}))


@pytest.mark.parametrize(
    ("line", "begin", "for_s"),
    [
        ("crash n1", [Kill(0)], None),
        ("crash n1 n3 5", [Kill(0), Kill(2)], 5.0),
        ("wipe n3", [Kill(2), Wipe(2)], None),
        ("pause n2 500ms", [Pause(1)], 0.5),
        ("drop n1 n2", [Cut(((0, 1),))], None),
        ("partition n1 2m", [Cut(both_ways([(0, 1), (0, 2)]))], 120.0),
        ("partition n1 n2 | n3", [Cut(both_ways([(0, 2), (1, 2)]))], None),
        ("partition n1 | n2", [Cut(both_ways([(0, 1), (0, 2), (1, 2)]))], None),
        ("slow n1", [Shape(both_ways([(0, 1), (0, 2)]), Weather(delay_ms=100))], None),
        ("slow n1 50 2", [Shape(both_ways([(0, 1), (0, 2)]), Weather(delay_ms=50))], 2.0),
        ("flaky n3 30", [Shape(both_ways([(2, 1), (2, 0)]), Weather(loss_permille=300))], None),
    ],
)
def test_a_fault_is_the_nemesis_own(line: str, begin: list[object], for_s: float | None) -> None:
    holder = Holder()
    assert holder.shell.run(line) == 0, holder.said
    assert list(holder.fault().begin) == begin
    assert holder.asked[-1]["for_s"] == for_s
    assert "it bit" in holder.said[0]


def test_a_fault_that_did_not_bite_is_told_and_is_no_success() -> None:
    proof = [{"probe": "udp", "bit": False, "ms": 3, "action": "cut", "saw": "it came through"}]
    holder = Holder(fault={"number": 1, "name": "f", "proof": proof})
    assert holder.shell.run("crash n1; get x") == 1
    assert "NOT PROVED" in holder.said[0]
    assert "it came through" in holder.said[1]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("gte x", "no command 'gte': did you mean get"),
        ("get", "it takes a key"),
        ("put x", "it takes a key and a value"),
        ("get x @n9", "there is no node 'n9'"),
        ("get 'x", "no closing quotation"),
        ("crash", "it needs 1 node"),
        ("crash 5", "it needs 1 node"),
        ("drop n1 n1", "the node that sends"),
        ("partition n1 n2 n3", "there is another side"),
        ("partition n1 n1", "each node is on one side"),
        ("slow n1 fast", "not a whole number: 'fast'"),
        ("fault partition soon", "not a time: 'soon'"),
        ("heal now", "it takes no 'now'"),
        ("restart n1 5s", "a restart takes no time"),
        ("log", "print, diff or cmp"),
        ("log print n1 all", "not a whole number"),
        ("help dance", "no command 'dance'"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence_and_254(line: str, sentence: str) -> None:
    holder = Holder()
    assert holder.shell.run(line) == 254
    assert sentence in holder.said[0]
    assert holder.asked == []


def test_the_holder_s_sentence_is_shown() -> None:
    holder = Holder(invoke=HarnessError("the cluster's holder has ended"))
    assert holder.shell.run("get x") == 255
    assert holder.said == ["harness: the cluster's holder has ended"]


def notes(*values: list[list[object]]) -> dict[str, Any]:
    return {"nodes": [{"name": f"n{i}", "values": each} for i, each in enumerate(values, 1)]}


def test_consensus_holds_where_nodes_lag_or_ran_again_what_they_had() -> None:
    whole = [["x", "a"], ["y", "q"], ["x", "b"], ["x", "c"]]
    again = [["x", "a"], ["x", "b"], ["x", "a"], ["x", "b"], ["x", "c"]]
    holder = Holder(notes=notes(whole, [["x", "a"]], again))
    assert holder.shell.run("consensus x") == 0
    assert holder.said == [
        "x: yes: 3 updates in one order at 3 nodes",
        "  n2 has noted 1 of 3",
    ]


def test_consensus_does_not_hold_where_orders_differ() -> None:
    holder = Holder(notes=notes([["x", "a"], ["x", "b"]], [["x", "b"], ["x", "a"]]))
    assert holder.shell.run("consensus x") == 1
    assert holder.said[0].startswith("x: NO: ")


def test_consensus_of_what_nobody_noted_is_unknown() -> None:
    """Paxi's is trivially true there (PROTOCOLS.md 1.1)."""
    holder = Holder(notes=notes([["y", "a"]], []))
    assert holder.shell.run("consensus x") == 2
    assert "unknown" in holder.said[0]


LOG = [[1, "a"], [2, ["b", "c"]], [3, None]]


@pytest.mark.parametrize(
    ("logs", "diff", "cmp"),
    [
        ((LOG, LOG, LOG), (0, "all 3 slots agree"), (0, "equal: 3 slots")),
        ((LOG, LOG, LOG[1:]), (0, "all 3 slots agree"), (1, 'n1: "a", n2: "a", n3: (nothing)')),
        (
            (LOG, [*LOG[:2], [3, "x"]], LOG),
            (1, 'slot 3: null, but n2: "x"'),
            (1, "slot 3 is the first"),
        ),
        (
            (LOG, [*LOG, [2, "x"]], LOG),
            (1, 'slot 2: ["b", "c"], but n2'),
            (1, "slot 2 is the first"),
        ),
        (([], [], []), (2, "unknown"), (2, "unknown")),
    ],
)
def test_logs_are_compared(logs: Any, diff: tuple[int, str], cmp: tuple[int, str]) -> None:
    holder = Holder(notes=notes(*logs))
    for line, (status, words) in (("log diff", diff), ("log cmp", cmp)):
        holder.said.clear()
        assert holder.shell.run(line) == status
        assert words in holder.said[0]


def test_a_log_is_printed() -> None:
    holder = Holder(notes=notes(LOG, [], [["n1.4", "z"]]))
    assert holder.shell.run("log print; log print n1 1; log print n2") == 2
    assert holder.said == [
        'n1  1  "a"', 'n1  2  ["b", "c"]', "n1  3  null", 'n3  "n1.4"  "z"', "n1  3  null",
    ]  # fmt: skip


def test_slots_are_in_order_whatever_they_are() -> None:
    logs = {"n1": {"10": "a", "9": "b", '"n1.2"': "c"}}
    assert slots(logs) == ["9", "10", '"n1.2"']


def test_a_lost_host_makes_no_consensus() -> None:
    lost = {"nodes": [{"name": "n1", "error": "no route"}]}
    holder = Holder(notes=lost)
    assert holder.shell.run("consensus x") == 255


def test_history_is_shown_by_node() -> None:
    holder = Holder(notes=notes([["x", "a"], ["x", ["b", 1]]], []))
    assert holder.shell.run("history x") == 0
    assert holder.said == ['n1  a ["b", 1]', "n2  (none)"]


def test_who_leads() -> None:
    nodes = [{"name": f"n{i + 1}", "leader": leader} for i, leader in enumerate([2, 0, 2])]
    holder = Holder(status={"nodes": nodes})
    assert holder.shell.run("leader") == 0
    assert holder.said == ["leads: n3", "  n2 follows n1"]
    holder = Holder(status={"nodes": [{"name": "n1"}]})
    assert holder.shell.run("leader") == 2


def test_exit_ends_the_line() -> None:
    holder = Holder()
    assert holder.shell.run("exit; get x") == 0
    assert holder.shell.over
    assert holder.asked == []


def test_completion() -> None:
    shell = Holder().shell
    assert shell.complete("", "pa") == ["partition", "pause"]
    assert shell.complete("crash ", "n") == ["n1", "n2", "n3"]
    assert shell.complete("put x 1; get x ", "@n1") == ["@n1"]
    assert shell.complete("get ", "") == []
    shell.run("put xylo 1")
    assert shell.complete("get ", "x") == ["xylo"]
    assert shell.complete("put xylo ", "") == []
    assert "partition-leader" in shell.complete("fault ", "part")
    assert shell.complete("dance ", "n") == []


def test_help_names_every_command() -> None:
    holder = Holder()
    assert holder.shell.run("help") == 0
    assert [line.split()[0] for line in holder.said] == list(VERBS)
