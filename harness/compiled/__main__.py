"""``python -m harness.compiled SCRIPT ...``: a script of one's own, with the compiled simulator if there is one.

Processes that play trials for it (``harness.crew``) import the script before all else. So they are forked from
a process that has imported this module, and with it the compiled modules, first.
"""

from __future__ import annotations

import runpy
import sys
from multiprocessing import set_forkserver_preload

from harness.compiled.loader import install

FOUND = install()

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    sys.stderr.write(f"{FOUND.words}\n")
    set_forkserver_preload(["harness.compiled.__main__"])
    runpy.run_path(sys.argv[0], run_name="__main__")
