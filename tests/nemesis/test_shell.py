"""What is typed on hosts: the whole text in golden files, and that a shell can read it.

``UPDATE_GOLDEN=1`` writes the golden files anew, to be reviewed as a diff.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nemesis import shell
from nemesis.actions import (
    CLEAR,
    Action,
    BumpClock,
    Cut,
    Kill,
    Mend,
    Pause,
    ResetClock,
    Resume,
    SetDrift,
    Shape,
    Start,
    StrobeClock,
    Weather,
)
from nemesis.shell import Facts, HostFacts

GOLDEN = Path(__file__).parents[1] / "golden"
LINKS = ((0, 2), (1, 2), (2, 0))
ACTIONS: tuple[Action, ...] = (
    Cut(LINKS),
    Mend(LINKS),
    Shape(LINKS, Weather(delay_ms=50, jitter_ms=10)),
    Shape(LINKS, Weather(100, 0, 25, 10, 300)),
    Shape(LINKS, CLEAR),
    Kill(1),
    Pause(1),
    Resume(1),
    Start(1),
)


def facts(*, queue: int | None, nodes: int = 3) -> Facts:
    hosts = {
        node: HostFacts(
            address=f"10.0.0.{node + 1}",
            iptables="/usr/sbin/iptables",
            tc="/usr/sbin/tc",
            device="eth0",
            queue=queue,
        )
        for node in range(nodes)
    }
    return Facts(tag="a1", hosts=hosts, pids={1: 4711})


def text(of: Facts) -> str:
    """Everything that can be typed, by action and node."""
    lines: list[str] = []

    def add(title: str, commands: list[shell.Command]) -> None:
        lines.append(f"== {title}")
        for node, argv in commands:
            script = argv[2] if argv[:2] == ("sh", "-c") else shlex.join(argv)
            lines.extend(f"n{node + 1}  {line}" for line in script.splitlines())
        lines.append("")

    add("set up", [(0, shell.set_up(of, 0))])
    for action in ACTIONS:
        add(str(action), shell.commands(action, of))
    add("heal", [(0, shell.heal(of, 0))])
    add("tear down", [(0, shell.tear_down(of, 0))])
    return "\n".join(lines)


def text_of_distances(of: Facts) -> str:
    """What is typed differently where hosts are at distances, by node."""
    parts = []
    for title, argv in (("stand apart", shell.stand_apart(of, 0)), ("heal", shell.heal(of, 0))):
        parts += [f"== {title}", argv[2], ""]
    return "\n".join(parts)


def apart(*, queue: int | None) -> Facts:
    """n1 and n3 are far from each other, n2 is beside n1."""
    far = dict.fromkeys(((0, 2), (2, 0), (1, 2), (2, 1)), 36_500)
    return replace(facts(queue=queue), apart_us={**far, (0, 1): 0, (1, 0): 0})


def compare(name: str, made: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(made)
    assert path.read_text() == made, f"UPDATE_GOLDEN=1 writes {path} anew"


@pytest.mark.parametrize(("name", "queue"), [("shell-netem.txt", None), ("shell-nfqueue.txt", 5)])
def test_what_is_typed(name, queue) -> None:
    compare(name, text(facts(queue=queue)))


@pytest.mark.parametrize(
    ("name", "queue"), [("shell-apart-netem.txt", None), ("shell-apart-nfqueue.txt", 5)]
)
def test_what_is_typed_for_distances(name, queue) -> None:
    made = text_of_distances(apart(queue=queue))
    compare(name, made)
    scripts = re.split(r"== .*\n", made)[1:]
    for script in scripts:
        subprocess.run(["sh", "-n", "-c", script], check=True)


def test_weather_over_a_distance_needs_no_rule_and_leaves_none() -> None:
    of = apart(queue=5)
    for weather in (Weather(delay_ms=50), CLEAR):
        assert shell.commands(Shape(((0, 2), (2, 1)), weather), of) == []
        assert [node for node, _ in shell.commands(Shape(((0, 1), (0, 2)), weather), of)] == [1]


def test_weather_over_a_distance_by_netem_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="the helper's"):
        shell.commands(Shape(((0, 2),), Weather(delay_ms=50)), apart(queue=None))


def test_what_is_typed_before_anything_is_known() -> None:
    host = facts(queue=None).hosts[0]
    parts = [
        "== look",
        shell.look(["10.0.0.1", "10.0.0.2"])[2],
        "",
        "== sweep, nobody lives",
        shell.sweep(host, [])[2],
        "",
        "== sweep, two live",
        shell.sweep(host, ["b2", "c3"])[2],
        "",
    ]
    compare("shell-prepare.txt", "\n".join(parts))


@pytest.mark.parametrize("queue", [None, 5])
def test_a_shell_can_read_it(queue) -> None:
    of = facts(queue=queue)
    typed = [argv for action in ACTIONS for _, argv in shell.commands(action, of)]
    typed += [shell.set_up(of, 0), shell.heal(of, 0), shell.tear_down(of, 0)]
    typed += [shell.look(["10.0.0.1"]), shell.sweep(of.hosts[0], ["x"])]
    scripts = [argv[2] for argv in typed if argv[0] == "sh"]
    assert len(scripts) >= 6
    for script in scripts:
        subprocess.run(["sh", "-n", "-c", script], check=True)


def test_one_command_a_host_and_nothing_of_others_is_flushed() -> None:
    for queue in (None, 5):
        of = facts(queue=queue)
        for action in ACTIONS:
            nodes = [node for node, _ in shell.commands(action, of)]
            assert nodes == sorted(set(nodes))
        whole = text(of)
        flushes = [line for line in whole.splitlines() if " -F " in line]
        assert flushes
        assert all(f" -F {of.chain}" in line for line in flushes)
        assert "-P " not in whole


def test_a_cut_is_one_rule_at_each_receiver() -> None:
    typed = {node: shlex.join(argv) for node, argv in shell.commands(Cut(LINKS), facts(queue=5))}
    assert typed == {
        0: "/usr/sbin/iptables -w 5 -A NEMESIS-a1 -s 10.0.0.3 -j DROP",
        2: "/usr/sbin/iptables -w 5 -A NEMESIS-a1 -s 10.0.0.1,10.0.0.2 -j DROP",
    }


def test_weather_is_at_the_sender_by_netem_and_at_the_receiver_by_queue() -> None:
    shape = Shape(((0, 1), (0, 2)), Weather(delay_ms=1))
    assert [node for node, _ in shell.commands(shape, facts(queue=None))] == [0]
    assert [node for node, _ in shell.commands(shape, facts(queue=5))] == [1, 2]


def test_each_of_fifteen_destinations_has_a_band_of_its_own() -> None:
    of = facts(queue=None, nodes=15)
    bands = set()
    for dst in range(14):
        ((_, argv),) = shell.commands(Shape(((14, dst),), Weather(delay_ms=1)), of)
        bands |= set(re.findall(r"flowid (\S+)", argv[2]))
    assert len(bands) == 14


@pytest.mark.parametrize("tag", ["", "a b", "x;y", "a" * 21, "ü"])
def test_a_tag_that_is_no_chains_name_is_refused(tag) -> None:
    with pytest.raises(ValueError, match="is not 1 to 20 letters"):
        Facts(tag=tag, hosts={})


def test_a_pid_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError):
        shell.commands(Kill(0), facts(queue=None))


@pytest.mark.parametrize(
    ("printed", "expected", "netem"),
    [
        (
            "iptables=/a/iptables\ndevice=eth0\ndevice=lo\ndevice=eth0\ntc=/a/tc\nnetem=yes\n",
            HostFacts(address="x", iptables="/a/iptables", tc="/a/tc", device="eth0"),
            True,
        ),
        (
            "iptables=/a/iptables-legacy\ndevice=eth0\ntc=/a/tc\n",
            HostFacts(address="x", iptables="/a/iptables-legacy", tc="/a/tc", device="eth0"),
            False,
        ),
        (  # reached by two devices: netem would have to be on both
            "iptables=/a/iptables\ndevice=eth0\ndevice=eth1\ntc=/a/tc\nnetem=yes\n",
            HostFacts(address="x", iptables="/a/iptables", tc="/a/tc", device=None),
            False,
        ),
    ],
)
def test_what_a_host_printed_is_understood(printed, expected, netem) -> None:
    assert shell.seen("x", printed) == (expected, netem)


def test_a_host_without_iptables_is_refused() -> None:
    with pytest.raises(ValueError, match="no iptables that works"):
        shell.seen("x", "device=eth0\n")


# --- clocks ---------------------------------------------------------------------------------------


def test_clocks_are_set_wrong_by_the_program_on_the_host_and_put_right_at_the_end() -> None:
    known = facts(queue=None)
    program = ("python3", "/r/agent/clock.py", "/r/n2/clock")
    hosts = {**known.hosts, 1: replace(known.hosts[1], clock=program)}
    known = replace(known, hosts=hosts)
    for action, words in (
        (BumpClock(1, -70), ("bump", "-70")),
        (StrobeClock(1, 300, 5), ("strobe", "300", "5")),
        (SetDrift(1, -500), ("drift", "-500")),
        (ResetClock(1), ("reset",)),
    ):
        assert shell.commands(action, known) == [(1, (*program, *words))]
    assert (
        "if [ -e /r/n2/clock ]; then\n  python3 /r/agent/clock.py /r/n2/clock reset"
        in (shell.tear_down(known, 1)[2])
    )
    assert "clock" not in shell.tear_down(known, 0)[2]
