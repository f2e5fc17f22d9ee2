"""Systems under test: how each is installed, started, killed and spoken to.

Our own protocols are :mod:`harness.systems.replicas`. One line here makes a system of somebody else's:
``harness test`` takes its name where it takes a protocol's, and ``package.module:Class`` of your own.
"""

from __future__ import annotations

PRODUCTS: dict[str, str] = {
    "etcd": "harness.systems.etcd:Etcd",
    "galera": "harness.systems.galera:Galera",
    "redis": "harness.systems.redis:Redis",
    "zookeeper": "harness.systems.zookeeper:ZooKeeper",
}
