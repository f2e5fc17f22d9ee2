"""Dynamo's numbers: how many homes a key has, and how many of them a read and a write wait for."""

from __future__ import annotations

from protocols.kernel import Cluster, record


@record
class Settings:
    """(N, R, W) of section 4.5, whether quorums are sloppy (4.6), and what is bounded."""

    n: int
    r: int
    w: int
    sloppy: bool
    vnodes: int
    pending: int
    hints: int

    @classmethod
    def of(cls, cluster: Cluster) -> Settings:
        """From the cluster's options. Raises ValueError for what could not be served.

        In a cluster of fewer than three nodes, all of them are homes unless N is given.

        >>> Settings.of(Cluster((0, 1, 2, 3, 4), options={"W": "1"}))
        Settings(n=3, r=2, w=1, sloppy=True, vnodes=8, pending=1000, hints=10000)
        >>> Settings.of(Cluster((0, 1, 2), options={"R": "4"}))
        Traceback (most recent call last):
        ValueError: R=4: of the 3 homes of a key only 1 to 3 can be waited for
        """
        size = len(cluster.nodes)
        n = cluster.number("N", min(3, size))
        if n > size:
            raise ValueError(f"N={n}: there are only {size} nodes")
        r, w = (cluster.number(name, n // 2 + 1) for name in ("R", "W"))
        for name, value in (("R", r), ("W", w)):
            if value > n:
                raise ValueError(
                    f"{name}={value}: of the {n} homes of a key only 1 to {n} can be waited for"
                )
        sloppy = cluster.truth("sloppy", default=True)
        vnodes, pending, hints = (
            cluster.number(name, default)
            for name, default in (("vnodes", 8), ("pending", 1_000), ("hints", 10_000))
        )
        return cls(n, r, w, sloppy, vnodes, pending, hints)
