"""Which package brings a program, and what to type to install it, on this machine's distribution."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

_INSTALL = {"debian": "apt-get install -y", "fedora": "dnf install -y"}
_PACKAGES = {
    "debian": {
        "sshd": "openssh-server",
        "ssh-keygen": "openssh-client",
        "ip": "iproute2",
        "tc": "iproute2",
        "iptables": "iptables",
        "newuidmap": "uidmap",
        "python3": "python3",
        "cc": "gcc",
    },
    "fedora": {
        "sshd": "openssh-server",
        "ssh-keygen": "openssh",
        "ip": "iproute",
        "tc": "iproute-tc",
        "iptables": "iptables-nft",
        "newuidmap": "shadow-utils",
        "python3": "python3",
        "cc": "gcc",
    },
}


def install(programs: Sequence[str], os_release: Path = Path("/etc/os-release")) -> str:
    """The command that installs them: for Debian, Ubuntu, Fedora and their kin; else a sentence."""
    family = _family(os_release)
    if family is None:
        return f"install {', '.join(programs)} with this distribution's package manager"
    packages = sorted({_PACKAGES[family][program] for program in programs})
    command = f"{_INSTALL[family]} {shlex.join(packages)}"
    if os.geteuid() == 0:
        return command
    return f"sudo {command}" if shutil.which("sudo") else f"su -c {shlex.quote(command)}"


def _family(os_release: Path) -> str | None:
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        return None
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    kin = f"{said.get('ID', '')} {said.get('ID_LIKE', '')}".replace('"', "").split()
    if "rhel" in kin:
        kin.append("fedora")
    if "ubuntu" in kin:
        kin.append("debian")
    return next((family for family in _INSTALL if family in kin), None)
