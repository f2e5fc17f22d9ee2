"""Systems under test: how each is installed, started, killed and spoken to.

One line here makes a system: the command line lists it. Values are import strings of a class that
implements ``harness.systems.kernel.System``, so that importing this table imports no system.
"""

from __future__ import annotations

SYSTEMS: dict[str, str] = {
    "replicas": "harness.systems.replicas:Replicas",
}
