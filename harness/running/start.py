"""How a holder starts: in a sandbox of its own, if it is to make hosts, and with the cluster's lock.

``harness up`` gives it the cluster's directory and the file descriptor of the lock, which every process that keeps
the cluster alive has open. Little is imported here: it runs twice, outside of the sandbox and inside.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness.remote import sandbox
from harness.running.registry import Entry
from harness.transports import LOCAL


def main() -> None:
    """Given the directory and the file descriptor of its lock."""
    entry, lock = Entry(Path(sys.argv[1])), int(sys.argv[2])
    asked = entry.asked()
    if not sandbox.inside() or asked.on != LOCAL:
        entry.write("holder.json", {"pid": os.getpid()})
    if asked.on == LOCAL and not sandbox.inside():
        os.set_inheritable(lock, True)
        sandbox.enter([sys.executable, *sys.orig_argv[1:]])
    os.set_inheritable(lock, False)
    from harness.running.holder import hold  # noqa: PLC0415  half a second of imports: not before

    sys.exit(hold(entry, asked))
