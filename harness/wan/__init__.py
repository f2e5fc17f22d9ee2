"""Wide-area set-ups: where nodes are, what their distances make of latencies in theory, and in fact."""

from harness.wan.geography import (
    hosts_in,
    links_of,
    longest_ms,
    matrix_of,
    network_of,
    round_trips_ms,
    zones_of,
)

__all__ = [
    "hosts_in",
    "links_of",
    "longest_ms",
    "matrix_of",
    "network_of",
    "round_trips_ms",
    "zones_of",
]
