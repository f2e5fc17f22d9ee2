"""Trials in your own test suite: a command line that must end *valid*, or one that must not.

    from harness.testing import assert_caught, assert_valid

    def test_register() -> None:
        assert_valid("harness sim --protocol register:Register --nemesis partition,kill --seeds 50")

The line is what one types, and what a failure ends with: a ``reproduce:`` line pasted into a test is a
regression test. It runs in a process of its own, in the current directory, and imports what this one
can import; its progress goes to stderr, so that ``pytest -s`` shows it while it runs.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

from checker.verdict import Outcome
from harness.errors import HarnessError, UsageError

_SAID = re.compile(r"^  (\S+) +(\S+)")
"""A check's line in the report at the end of a trial: its name, and its outcome."""


def assert_valid(line: str, *, timeout_s: float | None = None) -> str:
    """Run the line; what it printed to stdout.

    Raises AssertionError, with all that it printed, if the verdict is any other than *valid*: nothing
    was shown by a trial that is *vacuous*, either. Raises UsageError for a line that cannot be
    meant, HarnessError if the run crashed, ``subprocess.TimeoutExpired`` after ``timeout_s`` seconds.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    status, printed = _run(line, timeout_s)
    if status != Outcome.VALID.exit_code:
        raise AssertionError(f"not valid: {line}\n{printed}")
    return printed


def assert_caught(line: str, *, by: str | None = None, timeout_s: float | None = None) -> str:
    """Run the line of a protocol that is broken on purpose; what it printed to stdout.

    ``by`` is the check that must say *invalid*, such as ``"linearizable"``; None: any. Raises
    AssertionError, with all that was printed, if none does; else as ``assert_valid``.
    """
    __tracebackhide__ = True
    status, printed = _run(line, timeout_s)
    invalid = {
        said[1] for said in map(_SAID.match, printed.splitlines())
        if said is not None and said[2] == Outcome.INVALID.value
    }  # fmt: skip
    if status != Outcome.INVALID.exit_code or (by is not None and by not in invalid):
        raise AssertionError(f"not caught{f' by {by}' if by else ''}: {line}\n{printed}")
    return printed


def _run(line: str, timeout_s: float | None) -> tuple[int, str]:
    """The exit code, one that tells a verdict, and what was printed."""
    words = shlex.split(line)
    if words[:1] != ["harness"]:
        raise UsageError(f"not a line of harness: {line}")
    path = os.pathsep.join(entry or "." for entry in sys.path)
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words[1:]],
        env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        text=True, check=False, timeout=timeout_s,
    )  # fmt: skip
    if done.returncode == UsageError.exit_code:
        raise UsageError(f"not understood, stderr says why: {line}")
    if done.returncode not in {outcome.exit_code for outcome in Outcome}:
        raise HarnessError(
            f"ended with status {done.returncode}, stderr says why: {line}\n{done.stdout}"
        )
    return done.returncode, done.stdout
