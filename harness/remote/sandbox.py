"""A place of its own for a whole run: outer namespaces in which bridge, hosts and controller live.

The harness runs itself again inside, so that nothing that it makes touches the machine, two runs never
meet, and everything dies with the sandbox, however that ends. The real file system is there, writable as
before; the network is not: there is only what :class:`harness.remote.cluster.LocalCluster` makes.

The processes, each of which takes the next with it when it dies::

    launcher    in the old namespaces: passes signals on, returns the exit status
    └── outer   holds the new namespaces
        └── init        process 1 of the new pid namespace: reaps
            └── the command
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import CapabilityError

RUNTIME = Path("/.harness")
"""A directory in memory that exists only inside, for sockets, keys and the hosts' roots."""

MARK = "HARNESS_SANDBOX"
"""The environment variable that names, inside, the mode of :mod:`harness.remote.rootless`."""

_ROOT = Path(__file__).resolve().parents[2]
_LAUNCH = "from harness.remote.sandbox_launcher import main; main()"


def inside() -> bool:
    """Whether this process runs in a sandbox."""
    return mode() is not None


def mode() -> str | None:
    """``root``, ``auto`` or ``keep`` (see :mod:`harness.remote.rootless`); None outside."""
    return os.environ.get(MARK) if RUNTIME.is_dir() else None


def command(argv: Sequence[str]) -> list[str]:
    """The command line that runs ``argv`` in a new sandbox. Its exit status is that of ``argv``.

    Where no sandbox can be made, it prints the sentence of a CapabilityError and exits 255.
    """
    # -I: the user's directory and PYTHON* variables do not reach the launcher (and do reach argv).
    return [*python(_LAUNCH, "-I", "-S"), *argv]


def python(code: str, *options: str) -> list[str]:
    """The command line that runs some Python with this project importable, whatever the directory is."""
    return [
        sys.executable,
        *options,
        "-c",
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); {code}",
    ]


def enter(argv: Sequence[str]) -> NoReturn:
    """Become ``argv``, in a new sandbox. Standard streams, terminal and directory stay as they are."""
    assert not inside(), "a sandbox in a sandbox: ask inside() first"
    sys.stdout.flush()
    sys.stderr.flush()
    line = command(argv)
    os.execv(line[0], line)  # noqa: S606  a shell would be in the way


def spawn(argv: Sequence[str], **popen: Any) -> subprocess.Popen[str]:
    """Start ``argv`` in a new sandbox beside this process; ``popen`` as for subprocess.Popen."""
    return subprocess.Popen(command(argv), text=True, **popen)


def probe(timeout_s: float = 20.0) -> str:
    """Make an empty sandbox and say in which mode. Raises CapabilityError, with what to type."""
    shell = ["/bin/sh", "-c", f'echo "${MARK}"']
    done = subprocess.run(
        command(shell), capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode != 0:
        raise CapabilityError(done.stderr.strip().removeprefix("harness: "))
    return done.stdout.strip()
