"""The agent as a process of this machine: probes over the loopback, /proc, and its dead man's switch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.remote import agent
from tests.remote.agents import PipeStream


class Started:
    """An agent that was greeted."""

    def __init__(self, folder: Path, node: int = 0, tag: str = "t", **hello) -> None:
        self.stream = PipeStream([sys.executable, agent.__file__])
        self.number = 0
        self.greeting = self.ask(
            "hello",
            tag=tag,
            node=node,
            ledgers=str(folder / f"ledgers{node}"),
            **{"lease_s": 30, "pid_files": [], "directories": [], "leave_running": False, **hello},
        )

    def ask(self, do: str, **fields) -> dict:
        self.number += 1
        self.stream.send(json.dumps({"id": self.number, "do": do, **fields}))
        answer = json.loads(self.stream.receive(20))
        assert answer.pop("id") == self.number
        return answer


@pytest.fixture
def start(tmp_path):
    made = []

    def begin(**hello) -> Started:
        made.append(Started(tmp_path, **hello))
        return made[-1]

    yield begin
    for one in made:
        one.stream.close()


@pytest.fixture
def sleeper(tmp_path):
    process = subprocess.Popen(["sleep", "60"])
    (tmp_path / "pid").write_text(str(process.pid))
    yield process
    process.kill()
    process.wait()


def state(pid: int) -> str:
    return agent.Processes().state(pid)


def wait_for(pid: int, wanted: str) -> None:
    deadline = time.monotonic() + 10
    while state(pid) != wanted:
        assert time.monotonic() < deadline, f"{pid} is {state(pid)}, not {wanted}"
        time.sleep(0.005)


def two(start) -> tuple[Started, Started]:
    pair = start(node=0), start(node=1)
    peers = {str(i): ["127.0.0.1", a.greeting["port"]] for i, a in enumerate(pair)}
    for one in pair:
        one.ask("peers", peers=peers)
    return pair


# --- probes ---------------------------------------------------------------------------------------


def test_a_probe_is_heard_and_comes_back(start) -> None:
    first, second = two(start)
    sent = first.ask("probe", round=7, to=[1, 0], count=5, need=5, expect=[0, 1], wait_ms=2000)
    assert sent["sent"] == 5
    assert sent["errors"] == {}
    assert {node: len(rtts) for node, rtts in sent["rtt_us"].items()} == {"0": 5, "1": 5}
    assert all(0 < us < 2_000_000 for us in sent["rtt_us"]["1"])
    heard = {"count": 5, "distinct": 5, "overtaken": 0}
    assert second.ask("heard", round=7)["from"] == {"0": heard}
    assert second.ask("heard", round=8)["from"] == {}
    assert first.ask("heard", round=7)["from"] == {"0": heard}


def test_a_round_ends_as_soon_as_enough_came_back(start) -> None:
    first, _ = two(start)
    began = time.monotonic()
    first.ask("probe", round=1, to=[1], count=1, expect=[1], wait_ms=10_000)
    assert time.monotonic() - began < 5


def test_who_is_silent_is_waited_for_no_longer_than_asked(start) -> None:
    first, second = two(start)
    second.stream.process.send_signal(signal.SIGSTOP)
    wait_for(second.stream.process.pid, "stopped")
    sent = first.ask("probe", round=1, to=[1], count=2, expect=[1], wait_ms=50)
    second.stream.process.send_signal(signal.SIGCONT)
    assert sent["rtt_us"] == {}


def test_datagrams_of_others_are_not_heard(start) -> None:
    """Another run's agent, by its tag, and noise."""
    first, second = two(start)
    stranger = start(node=2, tag="other")
    stranger.ask("peers", peers={"1": ["127.0.0.1", second.greeting["port"]]})
    sent = stranger.ask("probe", round=3, to=[1], count=3, expect=[1], wait_ms=50)
    assert sent["rtt_us"] == {}
    assert second.ask("heard", round=3)["from"] == {}
    assert first.ask("probe", round=3, to=[1], count=1, expect=[1], wait_ms=2000)["rtt_us"]["1"]


def test_what_the_kernel_refuses_to_send_is_said(start) -> None:
    first = start()
    first.ask("peers", peers={"1": ["255.255.255.255", 9]})
    sent = first.ask("probe", round=1, to=[1], count=1, expect=[], wait_ms=10)
    assert "1" in sent["errors"]


# --- processes ------------------------------------------------------------------------------------


def test_a_process_is_running_then_stopped_then_gone(start, sleeper) -> None:
    one = start()
    assert one.ask("watch", pid=sleeper.pid) == {"state": "running"}
    sleeper.send_signal(signal.SIGSTOP)
    assert one.ask("state", pid=sleeper.pid, until=["stopped"], wait_ms=5000) == {"state": "stopped"}  # fmt: skip
    sleeper.kill()  # and not yet reaped: a zombie is gone
    assert one.ask("state", pid=sleeper.pid, until=["gone"], wait_ms=5000) == {"state": "gone"}


def test_waiting_for_a_state_ends(start, sleeper) -> None:
    assert start().ask("state", pid=sleeper.pid, until=["gone"], wait_ms=20) == {"state": "running"}


def test_a_pid_that_was_given_to_another_process_is_gone() -> None:
    processes = agent.Processes()
    assert processes.watch(os.getpid()) == "running"
    processes.started[os.getpid()] -= 1
    assert processes.state(os.getpid()) == "gone"
    assert processes.watch(os.getpid()) == "running"


# --- the dead man's switch ------------------------------------------------------------------------


def doomed(tmp_path, sleeper, **hello) -> dict:
    directory = tmp_path / "run" / "system"
    directory.mkdir(parents=True)
    return {"pid_files": [str(tmp_path / "pid")], "directories": [str(directory)], **hello}


def test_at_the_end_of_input_everything_is_undone(start, sleeper, tmp_path) -> None:
    one = start(**doomed(tmp_path, sleeper))
    one.ask("arm", undo=[["touch", str(tmp_path / "undone")], ["false"]])
    sleeper.send_signal(signal.SIGSTOP)
    one.stream.close()
    wait_for(sleeper.pid, "gone")
    assert (tmp_path / "undone").exists()
    assert not (tmp_path / "run" / "system").exists()


def test_told_to_leave_the_node_it_only_wakes_it(start, sleeper, tmp_path) -> None:
    one = start(**doomed(tmp_path, sleeper, leave_running=True))
    one.ask("watch", pid=sleeper.pid)
    sleeper.send_signal(signal.SIGSTOP)
    wait_for(sleeper.pid, "stopped")
    one.stream.close()
    wait_for(sleeper.pid, "running")
    assert (tmp_path / "run" / "system").exists()


def test_silence_for_longer_than_the_lease_is_death(start, sleeper, tmp_path) -> None:
    one = start(**doomed(tmp_path, sleeper, lease_s=0.3))
    wait_for(sleeper.pid, "gone")
    one.stream.process.wait(10)


def test_a_signal_undoes_too(start, sleeper, tmp_path) -> None:
    one = start(**doomed(tmp_path, sleeper))
    one.stream.process.terminate()
    wait_for(sleeper.pid, "gone")


def test_a_good_bye_undoes_faults_and_leaves_the_node(start, sleeper, tmp_path) -> None:
    one = start(**doomed(tmp_path, sleeper))
    one.ask("arm", undo=[["touch", str(tmp_path / "undone")]])
    assert one.ask("bye") == {"problems": []}
    assert one.stream.process.wait(10) == 0
    assert (tmp_path / "undone").exists()
    assert state(sleeper.pid) == "running"
    assert list((tmp_path / "ledgers0").iterdir()) == []


def test_what_could_not_be_undone_is_said_and_kept(start, tmp_path) -> None:
    one = start()
    one.ask("arm", undo=[["false"], ["/no/such/program"]])
    failed, missing = one.ask("bye")["problems"]
    assert "status 1" in failed
    assert "/no/such/program" in missing
    assert [p.name for p in (tmp_path / "ledgers0").iterdir()] == ["t.json"]


# --- the ledger -----------------------------------------------------------------------------------


def test_the_next_agent_undoes_what_a_killed_one_left(start, sleeper, tmp_path) -> None:
    first = start(**doomed(tmp_path, sleeper))
    first.ask("watch", pid=sleeper.pid)
    first.ask("arm", undo=[["touch", str(tmp_path / "undone")]])
    sleeper.send_signal(signal.SIGSTOP)
    first.stream.process.kill()
    first.stream.process.wait()
    second = start(tag="u")
    assert second.greeting["undone"] == ["t"]
    wait_for(sleeper.pid, "gone")
    assert (tmp_path / "undone").exists()
    assert not (tmp_path / "run" / "system").exists()


def test_a_living_run_is_left_alone(start, tmp_path) -> None:
    start().ask("arm", undo=[["touch", str(tmp_path / "undone")]])
    assert start(tag="u").greeting["living"] == ["t"]
    assert not (tmp_path / "undone").exists()


def test_a_run_that_dies_under_the_same_tag_is_waited_for(start, tmp_path) -> None:
    first = start()
    first.ask("arm", undo=[["sleep", "0.3"], ["touch", str(tmp_path / "undone")]])
    first.stream.process.stdin.close()
    assert start().greeting["living"] == []
    assert (tmp_path / "undone").exists()


def test_a_second_run_with_the_same_tag_is_refused(start, monkeypatch, tmp_path) -> None:
    start()
    ledger = agent.Ledger(str(tmp_path / "ledgers0"), "t")
    monkeypatch.setattr(agent, "_OTHER_AGENT_TIMEOUT_S", 0.1)
    with pytest.raises(RuntimeError, match="another run with the tag 't' is alive"):
        ledger.sweep()


def test_a_directory_near_the_root_is_never_removed(tmp_path) -> None:
    problems = agent.undo({"directories": ["/", "/var", "/nowhere"]}, agent.Processes())
    assert len(problems) == 3
    assert all("too near the root" in problem for problem in problems)


def test_a_torn_ledger_is_no_reason_to_stop(start, tmp_path) -> None:
    (tmp_path / "ledgers0").mkdir(mode=0o700)
    (tmp_path / "ledgers0" / "torn.json").write_text('{"agent": [')
    assert start().greeting["undone"] == []


# --- requests that cannot be ----------------------------------------------------------------------


def test_what_it_does_not_know_is_an_error_and_it_goes_on(start) -> None:
    one = start()
    assert "KeyError" in one.ask("dance")["error"]
    assert "weather before a queue" in one.ask("weather", rules={})["error"]
    assert "power before a disk" in one.ask("power", verb="lose")["error"]
    assert "space before a disk" in one.ask("space")["error"]
    assert one.ask("beat") == {}


def test_a_helper_that_cannot_start_says_why(start, tmp_path) -> None:
    script = tmp_path / "netem.py"
    script.write_text("raise SystemExit('no queue for you')\n")
    said = start().ask("queue", script=str(script), first=1)
    assert said == {"error": "RuntimeError: the netem helper ended: no queue for you"}


def test_a_disk_hears_what_the_power_does_and_ends_with_the_agent(start, tmp_path) -> None:
    script = tmp_path / "disk.py"
    script.write_text(
        "import json, pathlib, sys\n"
        "print(json.dumps({'mounted': sys.argv[1], 'kept': sys.argv[2:]}), flush=True)\n"
        "for line in sys.stdin: print(json.dumps({'did': json.loads(line)}), flush=True)\n"
        "pathlib.Path(sys.argv[1], 'unmounted').touch()\n"
    )
    one = start()
    asked = {"script": str(script), "directory": str(tmp_path), "kept": ["notes"]}
    assert one.ask("disk", **asked) == {"mounted": str(tmp_path), "kept": ["notes"]}
    nothing = {"ms": 0, "left_bytes": 0}
    assert one.ask("power", verb="lose") == {"did": {"do": "lose", **nothing}}
    fill = {"do": "fill", **nothing, "left_bytes": 7}
    assert one.ask("power", verb="fill", left_bytes=7) == {"did": fill}
    before = set(tmp_path.iterdir())
    assert one.ask("space") == {"said": "made"}
    assert set(tmp_path.iterdir()) == before
    one.stream.close()
    assert (tmp_path / "unmounted").exists()


def test_hello_that_cannot_be_is_an_error(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    stream = PipeStream([sys.executable, agent.__file__])
    hello = {"id": 1, "tag": "t", "node": 0, "ledgers": str(tmp_path / "file" / "x"), "lease_s": 9}
    stream.send(json.dumps(hello))
    assert "NotADirectoryError" in json.loads(stream.receive(10))["error"]
    stream.close()


def test_an_agent_that_hears_nothing_at_all_ends() -> None:
    stream = PipeStream([sys.executable, agent.__file__])
    stream.close()
    assert stream.process.returncode == 0
