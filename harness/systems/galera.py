"""MariaDB with Galera as Debian packages it: every node takes writes, which are certified by all.

Values are kept as JSON text, in one table. A read, a write and a cas are one statement; all else is a
transaction that reads, computes and writes (:mod:`harness.systems.optimistic`), at the isolation that is
asked for. What Galera does with that is not what its words say: at ``repeatable-read``, its default, a
healthy cluster loses updates, and its reads are stale (https://jepsen.io/blog/2026-03-16-mariadb-galera-cluster-12.1.2).

``sync_wait=15`` has each statement wait for what was committed before it (``wsrep_sync_wait``). ``lock=update`` has
transactions read by SELECT ... FOR UPDATE. ``flush`` is ``innodb_flush_log_at_trx_commit``.

The first node begins the cluster, others fetch its state by rsync, one at a time: some 4 s each. Who was
killed looks for how far it came (``--wsrep-recover``) and fetches what it lacks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.remote.seam import Remote
from harness.systems import daemon, optimistic
from harness.systems.http_client import Connect
from harness.systems.mysql import DEADLOCK, LOCKED, NOT_READY, ServerError, Session
from harness.systems.product import PROGRAM, Product
from harness.systems.sessions import SessionClient
from protocols.kernel import Command, Json
from protocols.wire import dumps
from workloads.kernel import Client, Refused

TABLE = "harness.kv"
_MAKE = (
    "CREATE DATABASE IF NOT EXISTS harness",
    f"CREATE TABLE IF NOT EXISTS {TABLE} (k VARCHAR(64) PRIMARY KEY, v LONGTEXT NOT NULL) ENGINE=InnoDB",
)
_METHOD = "harness"
_IST, _SST = 200, 400
"""Where a node is sent what it lacks, beyond its port for peers: little of it, or all."""

# It is run in the node's home. A node that has data says first how far it came.
_RUN = r"""
program=$0 first=$1
shift
PATH=$PWD/bin:${program%/sbin/*}/bin:$PATH
if [ ! -e data/mysql ]; then
    mkdir -p data/mysql
    [ "$first" = yes ] && set -- "$@" --wsrep-new-cluster
else
    position=$("$program" "$@" --wsrep-recover 2>&1 | sed -n 's/.*Recovered position: *//p' | tail -n 1)
    [ -n "$position" ] && set -- "$@" "--wsrep-start-position=$position"
fi
exec "$program" "$@"
"""
# Galera's own script for it, whose daemon of rsync would write as nobody where it is run by root.
_TRANSFER = b"""#!/bin/sh
PATH=${0%/*}:$PATH
exec wsrep_sst_rsync "$@"
"""
_RSYNC = b"""#!/bin/sh
PATH=${PATH#*:}
case " $* " in *" --daemon "*) set -- --dparam=uid="$(id -u)" --dparam=gid="$(id -g)" "$@" ;; esac
exec rsync "$@"
"""


class Galera(Product):
    """https://mariadb.com/kb/en/galera-cluster: SQL, many masters, one order of commits."""

    name = "galera"
    packages = (
        "mariadb-server-core", "mariadb-server", "mariadb-client-core", "galera-4", "rsync", "liburing2",
        "libaio1", "libnuma1", "libpopt0", "libxxhash0",
    )  # fmt: skip
    program = "usr/sbin/mariadbd"
    parts = (
        "usr/sbin/mariadbd", "usr/lib/galera", "usr/lib/libgalera_smm.so", "usr/share/mysql/english",
        "usr/share/mysql/charsets", "usr/bin/rsync", "usr/bin/my_print_defaults", "usr/bin/mariadb",
        "usr/bin/wsrep_sst_common", "usr/bin/wsrep_sst_rsync",
    )  # fmt: skip
    commands = optimistic.COMMANDS
    multi_key = True
    knobs = {  # noqa: RUF012  a ClassVar, in the base
        "isolation": ("repeatable-read", "serializable", "read-committed"),
        "sync_wait": ("0", "15"),
        "lock": ("no", "update"),
        "flush": ("1", "0", "2"),
    }

    def install(self, node: int, remote: Remote) -> None:
        super().install(node, remote)
        daemon.run(remote, 'mkdir -p -- "$1/bin"', self.home(node))
        remote.put(_TRANSFER, f"{self.home(node)}/bin/wsrep_sst_{_METHOD}", mode=0o755)
        remote.put(_RSYNC, f"{self.home(node)}/bin/rsync", mode=0o755)

    def start(self, node: int, remote: Remote) -> None:
        *before, program = self.programs[node]
        first = "yes" if node == min(self.hosts) else "no"
        words = [*before, "sh", "-c", _RUN, program, first, *self.argv(node)]
        daemon.start(remote, self.home(node), words)

    def argv(self, node: int) -> Sequence[str]:
        address, port = self.hosts[node].peer_address, self.peer_port(node)
        peers = [f"{host.peer_address}:{self.peer_port(n)}" for n, host in self.hosts.items()]
        provider = {
            "base_host": address,
            "base_port": port,
            "ist.recv_addr": f"{address}:{port + _IST}",
            "gcache.size": "64M",
            "evs.suspect_timeout": "PT1.5S",
            "evs.inactive_timeout": "PT3S",
            "evs.inactive_check_period": "PT0.5S",
            "evs.keepalive_period": "PT0.3S",
            "evs.install_timeout": "PT3S",
        }
        told: dict[str, object] = {
            "datadir": f"{self.home(node)}/data",
            "socket": f"{self.home(node)}/socket",
            "pid-file": f"{self.home(node)}/data/mariadbd.pid",
            "bind-address": "0.0.0.0",  # noqa: S104  clients come from anywhere
            "port": self.port(node),
            "skip-networking": 0,
            "binlog-format": "ROW",
            "default-storage-engine": "InnoDB",
            "innodb-autoinc-lock-mode": 2,
            "innodb-log-file-size": "16M",
            "innodb-buffer-pool-size": "32M",
            "innodb-flush-method": "fsync",
            "innodb-use-native-aio": 0,
            "innodb-flush-log-at-trx-commit": self.options["flush"],
            "innodb-lock-wait-timeout": 2,
            "transaction-isolation": self.options["isolation"].upper(),
            "wsrep-on": "ON",
            "wsrep-provider": f"{self._files(node)}/lib/galera/libgalera_smm.so",
            "wsrep-cluster-name": self.cluster or "harness",
            "wsrep-cluster-address": f"gcomm://{','.join(peers)}",
            "wsrep-node-name": f"n{node + 1}",
            "wsrep-node-address": f"{address}:{port}",
            "wsrep-sst-method": _METHOD,
            "wsrep-sst-receive-address": f"{address}:{port + _SST}",
            "wsrep-sync-wait": self.options["sync_wait"],
            "wsrep-provider-options": ";".join(f"{k}={v}" for k, v in provider.items()),
        }
        if PROGRAM not in self.options:
            told["basedir"] = self._files(node)
            told["lc-messages-dir"] = f"{self._files(node)}/share/mysql"
            told["character-sets-dir"] = f"{self._files(node)}/share/mysql/charsets"
        flags = ["--no-defaults", "--user=root", "--skip-grant-tables"]
        return [*flags, *(f"--{name}={value}" for name, value in told.items())]

    def ask(self, node: int, timeout_s: float) -> object:
        """Whether it is of a majority that is in step, and has the table: the first node makes it."""
        session = Session(self.connect(node, timeout_s))
        try:
            if node == min(self.hosts):
                for statement in _MAKE:
                    session.ask(statement)
            return session.ask(f"SELECT COUNT(*) FROM {TABLE}")  # noqa: S608  a name of ours
        finally:
            session.close()

    def client(self, node: int, process: int, timeout_s: float) -> Client:  # noqa: ARG002
        return GaleraClient(
            self.connect(node, timeout_s), timeout_s, lock=self.options["lock"] == "update"
        )

    def _files(self, node: int) -> str:
        return "/usr" if PROGRAM in self.options else f"{self.home(node)}/program/usr"


class GaleraClient(SessionClient[Session]):
    """Asks one node, for one process."""

    def __init__(self, connect: Connect, timeout_s: float, *, lock: bool) -> None:
        super().__init__(lambda: Session(connect), timeout_s)
        self._look = f"SELECT k, v FROM {TABLE} WHERE k IN (%s)"  # noqa: S608  a name of ours
        if lock:
            self._look += " FOR UPDATE"

    def ask(self, f: str, key: str, value: Any) -> object:
        match f:
            case "read":
                _, rows = self.session.ask(f"SELECT v FROM {TABLE} WHERE k = %s", [key])  # noqa: S608
                return json.loads(rows[0][0]) if rows else None
            case "write":
                self.session.ask(*_put(key, value))
                return value
            case "cas" if value[0] is not None:
                statement = f"UPDATE {TABLE} SET v = %s WHERE k = %s AND v = %s"  # noqa: S608
                old, new = map(dumps, value)
                if not self.session.ask(statement, [new, key, old])[0]:
                    raise Refused("it was something else")
                return value
        return optimistic.run(self, Command(f, key, value), self._timeout_s)

    def undone(self, error: OSError) -> bool:
        return isinstance(error, ServerError) and error.number in (NOT_READY, LOCKED, DEADLOCK)

    # --- as a store of harness.systems.optimistic -------------------------------------------------

    def look(self, keys: Sequence[str]) -> tuple[dict[str, Json], Session]:
        self.session.ask("START TRANSACTION")
        marks = ", ".join(["%s"] * len(keys))
        _, rows = self.session.ask(self._look % marks, keys)
        found = {key: json.loads(text) for key, text in rows}
        return {key: found.get(key) for key in keys}, self.session

    def change(self, seen: Session, changed: Mapping[str, Json]) -> bool:
        try:
            for key, value in changed.items():
                seen.ask(*_put(key, value))
            seen.ask("COMMIT")
        except ServerError as error:
            if error.number != DEADLOCK:
                raise
            return False
        return True

    def leave(self, seen: Session) -> None:
        seen.ask("ROLLBACK")


def _put(key: str, value: object) -> tuple[str, list[str]]:
    statement = f"INSERT INTO {TABLE} VALUES (%s, %s) ON DUPLICATE KEY UPDATE v = VALUES(v)"  # noqa: S608
    return statement, [key, dumps(value)]
