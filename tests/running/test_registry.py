"""Which clusters there are: names, locks, what the dead leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.remote.seam import Host
from harness.running import registry
from harness.running.gone import traces_of
from harness.running.registry import Asked
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(registry.PLACE, str(tmp_path / "running"))
    return tmp_path / "running"


def asked(on: str = "local") -> Asked:
    hosts = () if on == "local" else (Host(name="n1", address="192.0.2.1", zone="eu"),)
    return Asked(
        protocol="abd", on=on, hosts=hosts, nodes=1, zones=("eu",), tag="t", since="2026-01-01"
    )


def test_what_was_asked_for_is_read_back() -> None:
    entry, lock = registry.claim(None, asked("lab.toml"))
    os.close(lock)
    assert entry.asked() == asked("lab.toml")
    assert registry.folder().stat().st_mode & 0o777 == 0o700


def test_a_name_is_given_once_while_its_cluster_lives() -> None:
    first, lock = registry.claim(None, asked())
    second, other = registry.claim(None, asked())
    assert (first.name, second.name) == ("abd", "abd-2")
    assert first.alive()
    with pytest.raises(UsageError, match="a cluster abd runs already: `harness down abd`"):
        registry.claim("abd", asked())
    assert registry.chosen(None) == second
    os.close(other)
    assert registry.chosen(None) == first
    os.close(lock)
    assert not first.alive()
    with pytest.raises(UsageError, match="no cluster runs"):
        registry.chosen(None)
    assert registry.chosen("abd") == first
    with pytest.raises(UsageError, match="no cluster 'adb': did you mean abd"):
        registry.chosen("adb")


def test_a_dead_cluster_of_this_machine_leaves_its_name_free() -> None:
    for _ in range(2):
        entry, lock = registry.claim("a", asked())
        (entry.path / "of the first").touch()
        os.close(lock)
    fresh, lock = registry.claim("a", asked())
    assert not (fresh.path / "of the first").exists()
    os.close(lock)


def test_a_dead_cluster_of_an_inventory_is_to_be_ended_first() -> None:
    entry, lock = registry.claim("a", asked("lab.toml"))
    os.close(lock)
    with pytest.raises(UsageError, match="its hosts may have something of it: `harness down a`"):
        registry.claim("a", asked())
    registry.remove(entry)
    registry.remove(entry)
    assert registry.entries() == []


def test_the_living_cannot_be_forgotten() -> None:
    entry, lock = registry.claim("a", asked())
    registry.remove(entry)
    assert entry.alive()
    os.close(lock)


def test_the_lock_lives_as_long_as_a_process_that_was_given_it() -> None:
    entry, lock = registry.claim("a", asked())
    with subprocess.Popen(["sleep", "60"], pass_fds=(lock,)) as holder:
        os.close(lock)
        assert entry.alive()
        holder.kill()
        holder.wait(10)
    assert not entry.alive()


def test_a_place_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv(registry.PLACE, str(tmp_path / "link"))
    with pytest.raises(UsageError, match="belongs to another user"):
        registry.folder()


def test_what_is_no_cluster_s_directory_is_named(place: Path) -> None:
    registry.folder()
    (place / "odd").mkdir()
    (entry,) = registry.entries()
    assert not entry.alive()
    with pytest.raises(UsageError, match="odd: not a cluster's directory"):
        entry.asked()


def test_traces_are_seen_until_the_processes_are_gone() -> None:
    code = "import subprocess; subprocess.run(['sleep', '60'])"
    with subprocess.Popen([sys.executable, "-c", code]) as top:
        wait_until(lambda: len(traces_of(top.pid).processes) == 2, 10, "it has a child")
        traces = traces_of(top.pid)
        assert traces.namespaces == frozenset()  # they are the machine's
        assert len(traces.left()) == 2
        (child,) = (pid for pid, _ in traces.processes if pid != top.pid)
        top.kill()
        top.wait(10)
        assert traces.left() == [f"process {child}"]
        os.kill(child, 9)
        wait_until(lambda: not traces.left(), 10, "all are gone")
