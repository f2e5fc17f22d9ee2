"""What to type to install what is missing, by distribution."""

from __future__ import annotations

import pytest

from harness.remote import hosts_packages


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        ("ID=debian\n", "apt-get install -y iproute2 openssh-server"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install -y iproute2 openssh-server"),
        ('ID="fedora"\n', "dnf install -y iproute iproute-tc openssh-server"),
        (
            'ID="rocky"\nID_LIKE="rhel centos fedora"\n',
            "dnf install -y iproute iproute-tc openssh-server",
        ),
        ("ID=arch\n", "install sshd, ip, tc with this distribution's package manager"),
        (None, "install sshd, ip, tc with this distribution's package manager"),
    ],
)
def test_install(tmp_path, monkeypatch, os_release, expected):
    path = tmp_path / "os-release"
    if os_release is not None:
        path.write_text(os_release)
    monkeypatch.setattr(hosts_packages.os, "geteuid", lambda: 0)
    assert hosts_packages.install(["sshd", "ip", "tc"], path) == expected
    monkeypatch.setattr(hosts_packages.os, "geteuid", lambda: 1000)
    for sudo, typed in (("/usr/bin/sudo", f"sudo {expected}"), (None, f"su -c '{expected}'")):
        monkeypatch.setattr(hosts_packages.shutil, "which", lambda _, sudo=sudo: sudo)
        said = hosts_packages.install(["sshd", "ip", "tc"], path)
        assert said == (expected if expected.startswith("install") else typed)
