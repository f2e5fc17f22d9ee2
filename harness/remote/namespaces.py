"""The system calls that make namespaces and mounts, without a shell and without a C compiler.

Python's standard library has no ``unshare`` or ``mount`` (os.unshare came with 3.12), so libc is called
by ctypes. Every function raises :class:`OSError` whose text says which call failed and on what.
See namespaces(7), mount_namespaces(7), pivot_root(2), capabilities(7).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct
from pathlib import Path

NEWNS, NEWUTS, NEWIPC = 0x00020000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000

RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8
REMOUNT, BIND, REC, PRIVATE = 32, 4096, 16384, 1 << 18
DETACH = 2

# pivot_root has no wrapper in libc. Machines that came after 2012 share one table of numbers.
_PIVOT_ROOT = {"x86_64": 155, "i686": 217, "armv7l": 218, "ppc64le": 203, "s390x": 217}
_PIVOT_ROOT_SINCE_2012 = 41

_PR_SET_PDEATHSIG, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 47, 2
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def _path(text: str | Path | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def unshare(flags: int) -> None:
    """Leave the namespaces in ``flags`` for new ones (NEWPID: this process's children)."""
    _check(_libc.unshare(ctypes.c_int(flags)), f"unshare({flags:#x})")


def mount(
    source: str | Path | None,
    target: str | Path,
    kind: str | None = None,
    flags: int = 0,
    options: str | None = None,
) -> None:
    _check(
        _libc.mount(
            _path(source), _path(target), _path(kind), ctypes.c_ulong(flags), _path(options)
        ),
        f"mount({kind or 'bind'} {source} on {target})",
    )


def bind(source: str | Path, target: str | Path, *, read_only: bool = False) -> None:
    """Show ``source``, with all that is mounted below it, at ``target`` too.

    Read-only needs a second call (mount(2)): and that one may not drop the flags with which the
    file system was mounted, or a user namespace is refused.
    """
    mount(source, target, None, BIND | REC)
    if read_only:
        kept = os.statvfs(target).f_flag & (NOSUID | NODEV | NOEXEC)
        mount(None, target, None, REMOUNT | BIND | RDONLY | kept)


def unmount(target: str | Path) -> None:
    """Take a mount away at once, and free it when nobody uses it any more."""
    _check(_libc.umount2(_path(target), DETACH), f"umount({target})")


def make_root(directory: str | Path) -> None:
    """Make a mount point the root of this mount namespace and let go of the old root."""
    number = _PIVOT_ROOT.get(platform.machine(), _PIVOT_ROOT_SINCE_2012)
    os.chdir(directory)
    # The old root is stacked upon the new one and is the first to be taken off: pivot_root(2), NOTES.
    _check(_libc.syscall(ctypes.c_long(number), b".", b"."), f"pivot_root({directory})")
    unmount(".")
    os.chdir("/")


def die_with_parent() -> None:
    """SIGKILL this process when its parent ends. Lost by a later change of user or capabilities."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl(PDEATHSIG)")


def keep_capabilities() -> None:
    """Let the programs that this process starts keep its capabilities, though it is not root.

    That is: all that is permitted becomes inheritable, then ambient (capabilities(7)).
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # low half, then high half: effective, permitted, inheritable
    _check(_libc.capget(header, data), "capget")
    data[2], data[5] = data[1], data[4]
    _check(_libc.capset(header, data), "capset")
    permitted = data[1] | data[4] << 32
    for capability in range(permitted.bit_length()):
        if permitted >> capability & 1:
            raised = _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            _check(raised, f"prctl(AMBIENT {capability})")


def loopback_up() -> None:
    """Bring up ``lo``, which is down in every new network namespace (netdevice(7), SIOCSIFFLAGS)."""
    up_and_running = 0x1 | 0x40
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", b"lo", up_and_running)
        try:
            fcntl.ioctl(any_socket, 0x8914, request)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise OSError(error.errno, f"bringing up lo: {reason}") from error
