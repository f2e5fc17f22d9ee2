"""A shim for the clocks of processes that are not ours, built on their hosts.

For the ``System`` of a third party's program that calls libc for the time: its ``install`` makes the
shim and an empty page, its ``start`` gives the program this environment, and its ``clock`` says
``ClockPage(page, None)``. Then ``--nemesis clock`` sets that program's clocks wrong as it does ours.
"""

from __future__ import annotations

from pathlib import Path

from harness.errors import CapabilityError
from harness.node.clock import PAGE_BYTES
from harness.remote.hosts_packages import install
from harness.remote.seam import Remote

COMPILERS = ("cc", "gcc", "clang")
_SOURCE = Path(__file__).with_suffix(".c")
_BUILD = f"""
for compiler in {" ".join(COMPILERS)}; do
    command -v $compiler >/dev/null || continue
    $compiler -std=gnu11 -O2 -shared -fPIC -o "$1/clock_shim.so" "$1/clock_shim.c" -ldl || exit 2
    # Written once already, so that the shim writes down what it tells from the beginning.
    [ -e "$2" ] || {{ printf '\\2'; head -c $(($3 - 1)) /dev/zero; }} >"$2"
    exit
done
exit 127
"""


def prepare(
    remote: Remote, directory: str, page: str, *, monotonic: bool = False
) -> dict[str, str]:
    """Build the shim in ``directory``, make the page if it is not there; the environment to start with.

    ``monotonic``: a drift is one of the monotonic clock, too, which is not for programs that wait by
    system calls of their own. Raises CapabilityError where the host has no C compiler that works.
    """
    remote.put(_SOURCE.read_bytes(), f"{directory}/{_SOURCE.name}")
    argv = ["sh", "-c", _BUILD, "sh", directory, page, str(PAGE_BYTES)]
    done = remote.run(argv, check=False)
    name = remote.host.name
    if done.status == 127:
        raise CapabilityError(
            f"{name}: there is no C compiler to build the shim for its clocks\n  type: {install(['cc'])}"
        )
    if done.status != 0:
        raise CapabilityError(f"{name}: the shim cannot be built: {done.stderr.strip()[-500:]}")
    return {
        "LD_PRELOAD": f"{directory}/clock_shim.so",
        "HARNESS_CLOCK": page,
        "HARNESS_CLOCK_MONOTONIC": str(int(monotonic)),
    }
