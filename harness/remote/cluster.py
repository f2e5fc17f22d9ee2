"""Hosts made on this machine: each with its own network, name, processes, files and SSH server.

To be used inside a sandbox (:mod:`harness.remote.sandbox`)::

    with LocalCluster(5) as cluster:
        remotes = [SshRemote(host) for host in cluster.hosts]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import CapabilityError, UsageError
from harness.remote import sandbox
from harness.remote.hosts_packages import install
from harness.remote.rootless import program
from harness.remote.seam import Host

MOST = 60
_OLDEST_PYTHON = 11  # 3.11: what the code that is sent to hosts is written for

_DOWN_TIMEOUT_S = 30.0
_PROGRAMS = ("sshd", "ssh-keygen", "ip")
_MAKE = "from harness.remote.cluster_maker import main; main()"


@dataclass(frozen=True, slots=True)
class HostPython:
    """The python3 that the hosts have, and the directories that must be shown for it."""

    executable: str
    read_only: tuple[str, ...]


def host_python() -> HostPython:
    """The system's, if it is recent enough; else the one that runs this, with its prefix."""
    system = Path("/usr/bin/python3")
    version = re.fullmatch(r"python3\.(\d+)", system.resolve().name)
    if system.exists() and version and int(version[1]) >= _OLDEST_PYTHON:
        return HostPython(str(system), ())
    prefix = sys.base_prefix
    executable = f"{prefix}/bin/python3.{sys.version_info.minor}"
    return HostPython(executable, () if Path(prefix).is_relative_to("/usr") else (prefix,))


class LocalCluster:
    """``n`` hosts n1..n60 from ``__enter__`` to ``__exit__``; their names resolve, on all and here.

    ``shared``: they see one directory in common (``hosts_root.SHARED``). ``size_mib`` bounds what a host can
    store, ``zones`` are given out in turn. Raises UsageError outside of a sandbox or for an impossible ``n``, CapabilityError, with what to type, if the hosts cannot be made.
    """

    def __init__(
        self, n: int, *, size_mib: int = 1024, zones: Sequence[str] = (), shared: bool = False
    ) -> None:
        if not 1 <= n <= MOST:
            raise UsageError(f"{n} hosts: this machine makes 1 to {MOST}")
        if not sandbox.inside():
            raise UsageError("hosts are made inside a sandbox only (harness.remote.sandbox.enter)")
        self.n, self.size_mib, self.zones = n, size_mib, tuple(zones) or ("",)
        self.shared = shared
        self.hosts: tuple[Host, ...] = ()
        self.up_s = 0.0
        """How long it took to make them, in seconds."""
        self._maker: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        began = time.monotonic()
        _require_programs()
        python = host_python()
        # A session of its own: Ctrl-C is for the controller, which ends the maker when it is done.
        maker = subprocess.Popen(
            sandbox.python(_MAKE, "-I", "-S"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._maker = maker
        try:
            made = self._ask(maker, python)
            self.hosts = tuple(
                self._host(i, entry, made, python) for i, entry in enumerate(made["hosts"])
            )
        except BaseException:
            self.close()
            raise
        self.up_s = time.monotonic() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take all hosts away, with all that runs on them. Idempotent."""
        maker, self._maker = self._maker, None
        if maker is None:
            return
        try:
            maker.communicate(timeout=_DOWN_TIMEOUT_S)  # the end of its stdin is what it waits for
        except subprocess.TimeoutExpired:
            maker.kill()  # the hosts die with it; its cables, with the sandbox
            maker.communicate()

    def _ask(self, maker: subprocess.Popen[str], python: HostPython) -> dict[str, Any]:
        assert maker.stdin is not None
        assert maker.stdout is not None
        asked = {
            "n": self.n,
            "size_mib": self.size_mib,
            "read_only": python.read_only,
            "shared": self.shared,
        }
        maker.stdin.write(json.dumps(asked) + "\n")
        maker.stdin.flush()
        answer: dict[str, Any] = json.loads(
            maker.stdout.readline() or '{"error": "their maker died"}'
        )
        if "error" in answer:
            raise CapabilityError(f"cannot make hosts on this machine: {answer['error']}")
        return answer

    def _host(
        self, i: int, entry: dict[str, str], made: dict[str, Any], python: HostPython
    ) -> Host:
        return Host(
            name=entry["name"],
            address=entry["address"],
            user=made["user"],
            key=made["key"],
            host_key=entry["host_key"],
            zone=self.zones[i % len(self.zones)],
            python=python.executable,
        )


def _require_programs() -> None:
    missing = [name for name in _PROGRAMS if program(name) is None]
    if missing:
        raise CapabilityError(
            f"to make hosts, {', '.join(missing)} must be installed\n  type: {install(missing)}"
        )
