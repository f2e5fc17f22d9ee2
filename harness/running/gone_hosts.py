"""That nothing is left on the hosts of an inventory of a cluster that has ended; or else its removal.

That is: the run's directory, processes that name it, the agents' ledger, and rules that bear its tag.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.errors import HarnessError
from harness.remote.faults import LEDGERS
from harness.remote.homes import home_of
from harness.remote.seam import on_all
from harness.remote.ssh import SshRemote
from harness.running.deployed import deployment_of
from harness.running.registry import Asked
from nemesis.shell_facts import PREFIX

# Given: the directory, the ledger, the chain's name.
_LEFT = """
[ ! -e "$1" ] || echo "the directory $1"
[ ! -e "$2" ] || echo "the agent's ledger $2"
for each in /proc/[0-9]*; do
    [ "$each" = "/proc/$$" ] && continue
    if tr '\\0' '\\n' <"$each/cmdline" 2>/dev/null | grep -qF -- "$1/"; then
        echo "process ${each#/proc/}: $(tr '\\0' ' ' <"$each/cmdline")"
    fi
done
PATH=$PATH:/usr/sbin:/sbin
if command -v iptables-save >/dev/null; then
    iptables-save 2>/dev/null | grep -F -- "$3" | sed 's/^/rule: /'
fi
true
"""


def left(asked: Asked) -> list[str]:
    """What is there of it, a phrase each; a host that cannot be asked says so."""
    hosts, tag = asked.hosts, asked.tag
    remotes = {node: SshRemote(host) for node, host in enumerate(hosts)}
    home = home_of(tag)
    script = ["sh", "-c", _LEFT, "sh", home, f"{LEDGERS}/{tag}.json", f"{PREFIX}{tag}"]

    def look(node: int) -> list[str]:
        try:
            return remotes[node].run(script, root=True).stdout.splitlines()
        finally:
            remotes[node].close()

    nobody: dict[int, list[str]] = {node: [] for node in remotes}
    found = []
    for node, seen in on_all(nobody, look).items():
        things = [f"it cannot be asked: {seen}"] if isinstance(seen, Exception) else seen
        found += [f"{hosts[node].name}: {thing}" for thing in things]
    return found


def clean(asked: Asked, say: Callable[[str], None]) -> list[str]:
    """Remove what a dead holder left on the hosts of an inventory; what could not be, a sentence each.

    Its agents have mended all when they lost it; those that were killed too left a ledger, by which new
    ones do.
    """
    deployed = deployment_of(asked, asked.hosts, say)
    problems = []
    try:
        deployed.injector.prepare(weather=False)
        problems += deployed.injector.close()
    except HarnessError as error:
        problems.append(f"faults could not be undone: {error}")
    remove = deployed.system.remove
    done = on_all(deployed.remotes, lambda node: remove(node, deployed.remotes[node]))
    problems += [
        f"{deployed.hosts[node].name} could not be cleaned: {result}"
        for node, result in done.items()
        if isinstance(result, Exception)
    ]
    deployed.close()
    return problems
