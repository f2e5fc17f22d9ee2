"""A Remote that runs commands on this machine, below a directory of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.errors import CommandError, CommandTimeout
from harness.remote.seam import Completed, Host, Stream


class LocalRemote:
    """``environment`` is added to that of the commands: so a test breaks PATH, say."""

    def __init__(self, host: Host, environment: dict[str, str] | None = None) -> None:
        self.host = host
        self.environment = {**os.environ, **(environment or {})}
        self.ran: list[tuple[str, ...]] = []

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        check: bool = True,
        root: bool = False,
    ) -> Completed:
        self.ran.append(tuple(argv))
        program = "/bin/sh" if argv[0] == "sh" else argv[0]
        try:
            # Like SSH, it ends only once nobody holds stdout: a daemon that keeps it is a bug.
            done = subprocess.run(
                [program, *argv[1:]],
                input=stdin,
                capture_output=True,
                timeout=timeout_s,
                env=self.environment,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandTimeout(self.host.name, f"over {timeout_s} s", argv=argv) from error
        completed = Completed(
            tuple(argv), done.returncode, done.stdout.decode(), done.stderr.decode()
        )
        if check and done.returncode:
            raise CommandError(
                self.host.name,
                "it failed",
                argv=argv,
                status=done.returncode,
                stderr=completed.stderr,
            )
        return completed

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None:
        Path(path).write_bytes(data)
        Path(path).chmod(mode)

    def get(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def stream(self, argv: Sequence[str], *, root: bool = False) -> Stream:
        raise NotImplementedError

    def close(self) -> None:
        pass
