"""Faults on real hosts: namespaces, sshd, iptables, NFQUEUE, signals (faults_trials.py, in a sandbox)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import CapabilityError
from harness.remote import sandbox

ROOT = Path(__file__).parents[2]


@pytest.mark.real
@pytest.mark.timeout(300)
def test_every_fault_bites_and_heals_on_real_hosts() -> None:
    try:
        sandbox.probe()
    except CapabilityError as error:
        pytest.skip(f"no hosts can be made here: {error}")
    trials = Path(__file__).with_name("faults_trials.py")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(trials)]
    done = subprocess.run(
        sandbox.command(command), cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
