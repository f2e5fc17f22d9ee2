"""What is refused before any host is made. The hosts themselves are tested in tests/real/test_hosts.py."""

from __future__ import annotations

import re
import subprocess

import pytest

from harness.errors import CapabilityError, UsageError
from harness.remote import cluster
from harness.remote.cluster import LocalCluster, host_python


@pytest.mark.parametrize("n", [-1, 0, 61])
def test_how_many(n):
    with pytest.raises(UsageError, match=f"{n} hosts: this machine makes 1 to 60"):
        LocalCluster(n)


def test_outside_of_a_sandbox(monkeypatch):
    monkeypatch.setattr(cluster.sandbox, "inside", lambda: False)
    with pytest.raises(UsageError, match="inside a sandbox only"):
        LocalCluster(3)


def test_missing_programs_are_named_with_what_to_type(monkeypatch):
    monkeypatch.setattr(cluster.sandbox, "inside", lambda: True)
    monkeypatch.setattr(cluster, "program", lambda name: None if name == "sshd" else f"/bin/{name}")
    with (
        pytest.raises(CapabilityError, match=r"sshd must be installed\n  type: .*openssh-server"),
        LocalCluster(1),
    ):
        pytest.fail("was made")


def test_the_python_of_the_hosts_is_one():
    python = host_python()
    done = subprocess.run(
        [python.executable, "--version"], capture_output=True, text=True, check=True
    )
    assert re.match(r"Python 3\.\d+", done.stdout)
