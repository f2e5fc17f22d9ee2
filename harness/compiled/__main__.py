"""``python -m harness.compiled SCRIPT ...``: a script of one's own, with the compiled simulator if there is one."""

from __future__ import annotations

import runpy
import sys

from harness.compiled.loader import install

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    sys.stderr.write(f"{install().words}\n")
    runpy.run_path(sys.argv[0], run_name="__main__")
