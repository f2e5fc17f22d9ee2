"""A client's op at nodes, and what became of it, as JSON: the same of a holder and without one.

``{"outcome": "ok", "value": ...}``; ``fail`` (it certainly had no effect) or ``info`` (nobody knows), as in a history,
with an ``error`` in words; the ``node`` that was asked, and ``ms`` that it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import RemoteError
from harness.remote.seam import on_all, raise_first
from harness.running.control import Answer
from harness.systems.http_client import HttpClient
from workloads.kernel import Refused

Client = Callable[[int], HttpClient]
"""A client of a node, for one op; it is closed then."""


def invoke(
    nodes: Sequence[int], names: Sequence[str], client: Client, asked: Mapping[str, Any]
) -> Answer:
    """One op (``f``, ``key``, ``value``) at the first of these nodes that can be connected to."""
    answer: Answer = {}
    for node in nodes:
        began = time.monotonic()
        answer = _invoke(client(node), asked)
        answer |= {"node": names[node], "ms": round((time.monotonic() - began) * 1000, 1)}
        if not answer.pop("unconnected", False):
            break
    return answer


def invoke_at(
    nodes: Sequence[int], names: Sequence[str], client: Client, asked: Mapping[str, Any]
) -> list[Answer]:
    """The same at each of these nodes, at a time, by a client of its own."""
    each: dict[int, Any] = dict.fromkeys(nodes)
    told = raise_first(on_all(each, lambda node: invoke([node], names, client, asked)))
    return [told[node] for node in each]


def _invoke(client: HttpClient, asked: Mapping[str, Any]) -> Answer:
    try:
        value = client.invoke(asked["f"], asked["key"], asked.get("value"))
    except Refused as error:
        unconnected = isinstance(error.__cause__, OSError | RemoteError)
        return {"outcome": "fail", "error": str(error), "unconnected": unconnected}
    except (OSError, RemoteError) as error:
        return {"outcome": "info", "error": f"{error}: whether it took effect is not known"}
    finally:
        client.close()
    return {"outcome": "ok", "value": value}
