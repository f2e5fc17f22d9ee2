"""The doctor answers whatever is missing, and says what to type."""

from __future__ import annotations

import subprocess

import pytest

from harness import doctor
from harness.errors import CapabilityError
from harness.remote import rootless


def test_it_looks_at_everything_and_never_raises():
    findings = doctor.examine()
    names = [finding.name for finding in findings]
    assert names[:11] == [
        "python", "packages", "sshd", "ssh-keygen", "ip", "iptables", "tc", "user", "disk", "C compiler",
        "simulator",
    ]  # fmt: skip
    assert len(names) == len(set(names))
    for finding in findings:
        assert finding.detail
        assert finding.ok or finding.remedy, finding


def test_a_missing_program(monkeypatch):
    monkeypatch.setattr(doctor, "program", lambda _: None)
    finding = doctor._program("sshd", "serves hosts")
    assert (finding.ok, finding.detail) == (False, "not installed; it serves hosts")
    assert "openssh-server" in finding.remedy


def test_a_missing_package(monkeypatch):
    monkeypatch.setattr(doctor, "_PACKAGES", ("click", "no-such-package"))
    finding = doctor._packages()
    assert (finding.ok, finding.detail) == (False, "missing: no-such-package")
    assert finding.remedy.endswith("-m pip install no-such-package")


def test_a_machine_without_namespaces(monkeypatch):
    monkeypatch.setattr(
        rootless, "_remedies", lambda: ["type: sudo sysctl -w a=1", "or run as root"]
    )

    def refuse() -> str:
        raise CapabilityError(str(rootless.barred([(rootless.Mode("keep"), "mount: no")])))

    monkeypatch.setattr(doctor.sandbox, "inside", lambda: False)
    monkeypatch.setattr(doctor.sandbox, "probe", refuse)
    (finding,) = doctor._in_sandbox()
    assert (finding.name, finding.ok) == ("namespaces", False)
    assert "tried mode keep: mount: no" in finding.detail
    assert finding.remedy == "sudo sysctl -w a=1; or run as root"


def test_a_probe_that_hangs(monkeypatch):
    monkeypatch.setattr(doctor.sandbox, "inside", lambda: False)
    monkeypatch.setattr(doctor.sandbox, "probe", lambda: "root")

    def hang(*_, **__):
        raise subprocess.TimeoutExpired("probe", 60)

    monkeypatch.setattr(doctor.subprocess, "run", hang)
    (finding,) = doctor._in_sandbox()
    assert not finding.ok
    assert "more than 60 s" in finding.detail


@pytest.mark.parametrize(("free", "ok"), [(10 << 30, True), (10 << 20, False)])
def test_disk(monkeypatch, free, ok):
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    assert doctor._disk().ok is ok
