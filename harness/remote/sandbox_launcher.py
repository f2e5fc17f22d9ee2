"""What makes a sandbox: see :mod:`harness.remote.sandbox` for the tree of processes.

Runs in a fresh interpreter, because unshare(2) wants a single thread, and with the standard library
alone, because it stays in memory as long as the run.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError
from harness.remote import namespaces as ns
from harness.remote import rootless
from harness.remote.sandbox import MARK, RUNTIME

_STOPS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
_WATCHED = _STOPS | {signal.SIGCHLD}
_OUTER = ns.NEWNS | ns.NEWNET | ns.NEWIPC | ns.NEWUTS | ns.NEWPID

_UNSHARED, _INIT, _READY, _ERROR = "unshared", "init", "ready", "error"


def main() -> NoReturn:
    try:
        status = launch(sys.argv[1:])
    except HarnessError as error:
        sys.stderr.write(f"harness: {error}\n")
        status = error.exit_code
    sys.exit(status)


def launch(argv: Sequence[str]) -> int:
    """Run ``argv`` in a new sandbox; its exit status, or 128 + the signal that killed it."""
    # Blocked, not handled: they are fetched one by one, with their origin (see _forward).
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    attempts: list[tuple[rootless.Mode, str]] = []
    for mode in rootless.modes():
        if problem := rootless.unfit(mode):
            attempts.append((mode, problem))
            continue
        try:
            outer, init = _start(mode, argv)
        except OSError as error:
            attempts.append((mode, str(error)))
        else:
            return _supervise(outer, init)
    raise rootless.barred(attempts)


def _start(mode: rootless.Mode, argv: Sequence[str]) -> tuple[int, int]:
    """The pids of outer and init, once the sandbox is made. Raises OSError if it cannot be."""
    report_in, report_out = os.pipe()
    mapped_in, mapped_out = os.pipe()
    launcher = os.getpid()
    outer = os.fork()
    if outer == 0:
        os.close(report_in)
        os.close(mapped_out)
        _child(report_out, lambda: _be_outer(mode, argv, launcher, report_out, mapped_in))
    os.close(report_out)
    os.close(mapped_in)
    try:
        return outer, _await_ready(mode, outer, report_in, mapped_out)
    except OSError:
        os.kill(outer, signal.SIGKILL)
        os.waitpid(outer, 0)
        raise
    finally:
        os.close(mapped_out)


def _await_ready(mode: rootless.Mode, outer: int, report_in: int, mapped_out: int) -> int:
    """Do what outer asks of one outside, until it reports. The pid of init."""
    init = 0
    with os.fdopen(report_in, encoding="utf-8") as reports:
        for report in reports:
            word, _, detail = report.rstrip("\n").partition(" ")
            if word == _UNSHARED:
                if mode.user_namespace:
                    rootless.write_maps(mode, outer)
                os.write(mapped_out, b"\n")
            elif word == _INIT:
                init = int(detail)
            elif word == _READY:
                return init
            else:
                raise OSError(detail)
    raise OSError("the sandbox died while it was made")


def _child(report: int, work: Callable[[], int]) -> NoReturn:
    """Run the work of a forked process, and never come back into the parent's code."""
    try:
        status = work()
    except OSError as error:
        _say(report, f"{_ERROR} {error.strerror or error}".replace("\n", " "))
        status = 1
    except BaseException:  # noqa: BLE001  a bug of ours: seen, and not the parent's to handle
        traceback.print_exc()
        status = 255
    os._exit(status)


def _say(report: int, line: str) -> None:
    with contextlib.suppress(OSError):  # whoever listened has died, and so will we
        os.write(report, f"{line}\n".encode())


def _be_outer(
    mode: rootless.Mode, argv: Sequence[str], launcher: int, report: int, mapped: int
) -> int:
    directory = Path.cwd()
    ns.unshare(_OUTER | (ns.NEWUSER if mode.user_namespace else 0))
    _say(report, _UNSHARED)
    if os.read(mapped, 1) != b"\n":
        return 1
    if mode.name == "keep":
        ns.keep_capabilities()
    ns.die_with_parent()
    if os.getppid() != launcher:  # it died before we asked to die with it
        return 1
    alive_in, alive_out = os.pipe()
    init = os.fork()
    if init == 0:
        os.close(alive_out)
        _child(report, lambda: _be_init(mode, argv, directory, report, alive_in))
    _say(report, f"{_INIT} {init}")
    os.close(report)
    os.close(alive_in)
    _, ended = os.waitpid(init, 0)
    return _status(ended)


def _be_init(
    mode: rootless.Mode, argv: Sequence[str], directory: Path, report: int, alive: int
) -> int:
    ns.die_with_parent()
    if select.select([alive], [], [], 0)[0]:  # the end of file: outer died before we asked
        return 1
    os.close(alive)
    _make_root()
    os.chdir(directory)
    socket.sethostname("control")
    ns.loopback_up()
    command = os.fork()
    if command == 0:
        os.close(report)
        _become(argv, mode)
    _say(report, _READY)
    os.close(report)
    return _reap_until_ends(command)


def _make_root() -> None:
    """Make / a file system in memory that shows all of the real / and has RUNTIME.

    A mount over some existing directory would hide what a user may have there: a store, a virtual
    environment, the agent's socket. It is read-only itself: what was made in it, a store in /, would be gone
    with the sandbox.
    """
    stage = Path(
        "/proc"
    )  # of all directories the one that need not be shown: inside it is a new one
    ns.mount(None, "/", None, ns.REC | ns.PRIVATE)
    ns.mount("harness", stage, "tmpfs", ns.NOSUID | ns.NODEV, "mode=755")
    for entry in os.scandir("/"):
        shown = stage / entry.name
        if entry.is_symlink():
            shown.symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            shown.mkdir()
        else:
            shown.touch()
        if entry.name == stage.name:
            ns.mount("proc", shown, "proc", ns.NOSUID | ns.NODEV | ns.NOEXEC)
        elif not entry.is_symlink():
            ns.bind(entry.path, shown)
    runtime = stage / RUNTIME.name
    runtime.mkdir(mode=0o755)
    ns.mount("harness", runtime, "tmpfs", ns.NOSUID | ns.NODEV, "mode=755")
    ns.make_root(stage)
    ns.mount(None, "/", None, ns.REMOUNT | ns.BIND | ns.RDONLY | ns.NOSUID | ns.NODEV)


def _become(argv: Sequence[str], mode: rootless.Mode) -> NoReturn:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would pass that on
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    try:
        os.execvpe(argv[0], list(argv), os.environ | {MARK: mode.name})  # noqa: S606  a shell would be in the way
    except OSError as error:
        os.write(2, f"harness: {argv[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _reap_until_ends(command: int) -> int:
    """Process 1: reap all that end here, until the command does. Then the kernel kills the rest."""
    while True:
        _forward(signal.sigwaitinfo(_WATCHED), command)
        while True:
            pid, ended = os.waitpid(-1, os.WNOHANG)
            if pid == command:
                return _status(ended)
            if pid == 0:
                break


def _supervise(outer: int, init: int) -> int:
    while True:
        _forward(signal.sigwaitinfo(_WATCHED), init)
        pid, ended = os.waitpid(outer, os.WNOHANG)
        if pid == outer:
            return _status(ended)


def _forward(arrived: signal.struct_siginfo, pid: int) -> None:
    """Pass on a signal that somebody sent to this process.

    One that the terminal sent (its si_code is positive: by the kernel) has reached the command
    already, and a second Ctrl-C would break off its orderly end.
    """
    if arrived.si_signo in _STOPS and arrived.si_code <= 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, arrived.si_signo)


def _status(ended: int) -> int:
    code = os.waitstatus_to_exitcode(ended)
    return 128 - code if code < 0 else code
