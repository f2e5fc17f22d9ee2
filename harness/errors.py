"""What can go wrong in the world, as one tree.

::

    HarnessError                 exit 255: the run crashed
    ├── UsageError               exit 254: what was typed or written cannot be meant
    │   └── InventoryError       names the file and the line
    ├── RemoteError              carries host, argv, status and the last lines of stderr
    │   ├── ConnectError         no route, refused, timed out
    │   ├── HostKeyError         the host's key is unknown or has changed
    │   ├── LoginError           the user or key was refused
    │   ├── CommandError         a command ended with another status than it should
    │   └── CommandTimeout       a command did not end in time
    ├── CapabilityError          this machine or host cannot do what is asked, and what to do about it
    ├── NotReadyError            a system did not come up in time
    ├── ClusterError             the scheduler of a campaign is gone
    ├── NothingMeasured          exit 2: a benchmark was over before anything of it counted
    └── StoreError               a run directory cannot be read or written

A fault that did not bite or heal is no exception but data: it makes the verdict *invalid-harness*.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence


class HarnessError(Exception):
    """Anything that ends a run with a sentence rather than a traceback."""

    exit_code = 255


class UsageError(HarnessError):
    exit_code = 254


class InventoryError(UsageError):
    def __init__(self, path: str, line: int | None, problem: str) -> None:
        self.path, self.line, self.problem = path, line, problem
        super().__init__(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")


class RemoteError(HarnessError):
    """Something on the way to, or on, a host."""

    def __init__(
        self,
        host: str,
        problem: str,
        *,
        argv: Sequence[str] = (),
        status: int | None = None,
        stderr: str = "",
    ) -> None:
        self.host, self.problem, self.argv = host, problem, tuple(argv)
        self.status, self.stderr = status, stderr
        super().__init__(host, problem)

    def __str__(self) -> str:
        text = f"{self.host}: {self.problem}"
        if self.argv:
            text += f"\n  command: {shlex.join(self.argv)}"
        if self.status is not None:
            text += f"\n  status: {self.status}"
        if tail := self.stderr.strip().splitlines()[-5:]:
            text += "\n  stderr: " + "\n          ".join(tail)
        return text


class ConnectError(RemoteError):
    pass


class HostKeyError(RemoteError):
    pass


class LoginError(RemoteError):
    pass


class CommandError(RemoteError):
    pass


class CommandTimeout(RemoteError):  # noqa: N818
    pass


class CapabilityError(HarnessError):
    pass


class NotReadyError(HarnessError):
    pass


class ClusterError(HarnessError):
    pass


class NothingMeasured(HarnessError):  # noqa: N818
    exit_code = 2


class StoreError(HarnessError):
    pass
