"""The controller's end of an agent: answers that are late, torn, or errors; and how it ends."""

from __future__ import annotations

import json
import time

import pytest

from harness.errors import CommandTimeout, ConnectError, RemoteError
from harness.remote.faults_agent import AgentLink, Agents
from tests.remote.agents import LocalRemote


class Script:
    """A Stream whose answers are prepared; ``#`` in one stands for the request's number."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[dict] = []
        self.closed = False

    def send(self, line: str) -> None:
        self.asked.append(json.loads(line))

    def receive(self, timeout_s: float) -> str:
        if not self.answers:
            raise CommandTimeout("h1", f"no line within {timeout_s:g} s")
        return self.answers.pop(0).replace("#", str(self.asked[-1]["id"]))

    def close(self) -> None:
        self.closed = True


def link(tmp_path, *answers: str) -> AgentLink:
    remote = LocalRemote("h1", "127.0.0.1")
    remote.stream = lambda argv, *, root=False: Script(*answers)
    return AgentLink(remote, str(tmp_path))


def test_an_answer_is_that_of_the_request(tmp_path) -> None:
    one = link(tmp_path, '{"id": #, "state": "gone"}')
    assert one.ask("state", pid=7)["state"] == "gone"
    assert one._stream.asked == [{"id": 1, "do": "state", "pid": 7}]


def test_late_answers_to_who_stopped_waiting_are_skipped(tmp_path) -> None:
    one = link(tmp_path)
    with pytest.raises(CommandTimeout):
        one.ask("probe")
    one._stream.answers = ['{"id": 1, "late": true}', '{"id": #, "late": false}']
    assert one.ask("beat")["late"] is False


def test_an_error_is_raised_with_the_hosts_name(tmp_path) -> None:
    with pytest.raises(RemoteError, match="h1: the fault agent: OSError: no"):
        link(tmp_path, '{"id": #, "error": "OSError: no"}').ask("queue")


@pytest.mark.parametrize("line", ["Traceback (most recent call last):", "[1]", ""])
def test_what_is_no_answer_is_an_error(tmp_path, line) -> None:
    with pytest.raises(RemoteError, match="h1: the fault agent said"):
        link(tmp_path, line).ask("beat")


@pytest.fixture
def agents(tmp_path):
    remotes = {0: LocalRemote("h1", "127.0.0.1")}
    made = Agents(remotes, "t", ledgers=str(tmp_path / "ledgers"), lease_s=1.0)
    made.open(str(tmp_path / "run"), {0: str(tmp_path / "pid")}, leave_running=True)
    yield made
    made.close()


def test_an_agent_that_is_told_that_we_are_there_stays(agents) -> None:
    time.sleep(1.5)  # longer than a lease: only time can show it
    assert list(agents.tell("beat")) == [0]


def test_closing_leaves_no_file_and_may_be_repeated(agents, tmp_path) -> None:
    assert (tmp_path / "run" / "agent" / "agent.py").exists()
    assert agents.close() == {}
    assert not (tmp_path / "run").exists()
    assert agents.close() == {}


def test_it_may_be_opened_again(agents, tmp_path) -> None:
    agents.close()
    agents.open(str(tmp_path / "run"), {0: str(tmp_path / "pid")}, leave_running=True)
    time.sleep(1.5)  # the beats go on, too
    assert agents.tell("state", pid=1, until=["running"], wait_ms=0)[0]["state"] == "running"


def test_a_lost_agent_is_a_problem_of_its_host_at_the_end(agents) -> None:
    agents.links[0]._stream.process.kill()
    agents.links[0]._stream.process.wait()
    ((node, (problem,)),) = agents.close().items()
    assert node == 0
    assert "the command has ended" in problem


def test_a_host_on_which_it_does_not_start_is_named(tmp_path) -> None:
    remotes = {0: LocalRemote("h1", "127.0.0.1")}
    (tmp_path / "ledgers").write_text("a file is in the way")
    made = Agents(remotes, "t", ledgers=str(tmp_path / "ledgers"), lease_s=9)
    with pytest.raises((RemoteError, ConnectError), match="h1"):
        made.open(str(tmp_path / "run"), {0: "/nowhere"}, leave_running=True)
    assert made.links == {}
