"""The process that makes the hosts of a local cluster, holds them, and takes them away.

``python -m harness.remote.cluster_maker``, inside a sandbox: one line of JSON on stdin says what to make, one
line on stdout says what was made (or ``{"error": ...}``); the end of stdin, which comes however the
controller ends, says to take it all away. A process of its own, with the standard library alone: it forks,
and a controller that has threads must not.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.remote import namespaces as ns
from harness.remote.hosts_node import BUILT, UP, Node, NodeSpec, start_node
from harness.remote.hosts_root import Login, Root
from harness.remote.rootless import program
from harness.remote.sandbox import RUNTIME

WORK = RUNTIME / "cluster"
NETWORK = "10.77.0"
CONTROL = f"{NETWORK}.254"
"""The controller's address in the hosts' network."""

BRIDGE = "harness0"


def veth(index: int) -> str:
    """The name, in the sandbox, of the cable to host ``index`` (from 1): there eth0 is its other end."""
    return f"veth{index}"


@dataclass(slots=True)
class Maker:
    n: int
    size_mib: int
    read_only: list[str]
    shared: bool = False
    nodes: list[Node] = field(default_factory=list)
    covered: list[Path] = field(default_factory=list)
    """Files of the machine that show a text of ours instead, in the sandbox's own mounts."""

    def up(self) -> dict[str, Any]:
        """Make all. Raises OSError, naming the host where it is one's."""
        login = Login.own()
        if not login.known:  # in a container, say: and then ssh-keygen and ssh refuse to work
            self._cover(Path("/etc/passwd"), Path("/etc/passwd").read_text() + login.line() + "\n")
        keys = _make_keys(["client", *(f"host{i}" for i in self._indices())])
        hosts = self._hosts_file()
        shared = _directory("shared") if self.shared else None
        public = [(WORK / f"{key}.pub").read_text() for key in keys]
        for i in self._indices():
            spec = NodeSpec(
                root=Root(
                    _directory(f"n{i}"), f"n{i}", hosts, self.size_mib, self.read_only, shared
                ),
                address=f"{NETWORK}.{i}",
                host_key=(WORK / keys[i]).read_text(),
                authorized_key=public[0],
                sshd=_need("sshd"),
                ip=_need("ip"),
            )
            self.nodes.append(start_node(spec, login))
        self._join()
        self._cover(Path("/etc/hosts"), hosts)
        return {
            "user": login.user,
            "key": str(WORK / "client"),
            "hosts": [
                {
                    "name": node.spec.root.hostname,
                    "address": node.spec.address,
                    "host_key": " ".join(key.split()[:2]),
                }
                for node, key in zip(self.nodes, public[1:], strict=True)
            ],
        }

    def _indices(self) -> range:
        return range(1, self.n + 1)

    def _hosts_file(self) -> str:
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        lines += [f"{NETWORK}.{i} n{i}" for i in self._indices()]
        return "\n".join([*lines, f"{CONTROL} control"]) + "\n"

    def _join(self) -> None:
        """Plug all hosts into one bridge, and wait until they are up."""
        batch = [
            f"link add name {BRIDGE} type bridge forward_delay 0",
            f"addr add {CONTROL}/24 dev {BRIDGE}",
            f"link set {BRIDGE} up",
        ]
        for i, node in enumerate(self.nodes, start=1):
            batch.append(f"link add name {veth(i)} type veth peer name eth0 netns {node.init}")
            batch.append(f"link set {veth(i)} master {BRIDGE} up")
        for node in self.nodes:
            node.expect(BUILT)
        _ip(batch)
        for node in self.nodes:
            os.write(node.proceed, b"\n")
        for node in self.nodes:
            node.expect(UP)

    def down(self) -> None:
        """Take all away, whatever of it was made; in any order of events this ends.

        Our ends of the cables are removed one by one: a host that is killed while it is cut off, with data
        in flight, leaves sockets that hold its network namespace, and so its cable, for minutes.
        """
        for node in self.nodes:
            node.kill()
        self._unplug()
        for path in self.covered:
            ns.unmount(path)
        shutil.rmtree(WORK)

    def _cover(self, path: Path, text: str) -> None:
        path = path.resolve()
        if path.is_file():
            ours = WORK / path.name
            ours.write_text(text)
            ns.bind(ours, path)
            self.covered.append(path)

    def _unplug(self) -> None:
        def left() -> list[str]:
            return [name for _, name in socket.if_nameindex() if name in ours]

        ours = {veth(i) for i in self._indices()} | {BRIDGE}
        # Dying network namespaces take their cables with them meanwhile: -force goes on where one is gone.
        refused = _ip([f"link del {name}" for name in left()], force=True)
        if left():
            raise OSError(f"could not remove {', '.join(left())}: {refused}")


def _directory(name: str) -> Path:
    path = WORK / name
    path.mkdir()
    return path


def _need(name: str) -> str:
    found = program(name)
    if found is None:
        raise OSError(f"{name} is not installed")
    return found


def _ip(batch: list[str], *, force: bool = False) -> str:
    """Do all; with ``force`` also after one has failed, and then return the complaints."""
    argv = [_need("ip"), *(["-force"] if force else []), "-batch", "-"]
    text = "\n".join(batch) + "\n"
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0 and not force:
        raise OSError(f"ip: {done.stderr.strip()}")
    return done.stderr.strip()


def _make_keys(names: list[str]) -> list[str]:
    keygen = _need("ssh-keygen")
    argv = [keygen, "-q", "-t", "ed25519", "-N", "", "-C", "harness", "-f"]
    makers = [subprocess.Popen([*argv, str(WORK / name)]) for name in names]
    if any([maker.wait() for maker in makers]):  # noqa: C419  all are to be waited for
        raise OSError("ssh-keygen failed")
    return names


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    try:
        WORK.mkdir()
    except FileExistsError:  # and what is there is not ours to take away
        _answer({"error": "this sandbox has hosts already; another run has a sandbox of its own"})
        return
    maker = Maker(asked["n"], asked["size_mib"], asked["read_only"], asked["shared"])
    try:
        try:
            _answer(maker.up())
        except OSError as error:
            _answer({"error": error.strerror or str(error)})
        sys.stdin.read()
    finally:
        maker.down()


def _answer(made: dict[str, Any]) -> None:
    print(json.dumps(made), flush=True)  # noqa: T201  to the controller, on a pipe


if __name__ == "__main__":
    main()
