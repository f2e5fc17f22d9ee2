"""The command line of a node: ``python3 node.pyz run ...``.

Ends with 0 after SIGTERM or SIGINT; 64 for what was typed; 69 if a port cannot be had; 70 for a bug
(a traceback is in the log); 74 if the disk fails or the journal is damaged.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.node import config as node_config
from harness.node.config import Config, ConfigError
from harness.node.engine import IdentityError
from harness.node.journal import JournalError
from harness.node.server import EXIT_DISK, Node
from protocols import PROTOCOLS

EXIT_USAGE = 64
EXIT_PORT = 69

_EXAMPLE = """example, a cluster of one:
  python3 node.pyz run --id 0 --protocol abd --peers 0=127.0.0.1:7000 --http 127.0.0.1:8000 --data d
  curl -X PUT -d 5 http://127.0.0.1:8000/x; curl http://127.0.0.1:8000/x
"""


def main(argv: Sequence[str] | None = None) -> int:
    try:
        config = _read_arguments(sys.argv[1:] if argv is None else argv)
    except ConfigError as error:
        sys.stderr.write(f"node: {error}\n")
        return EXIT_USAGE
    _log_to_stderr(config.id)
    try:
        node = Node(config)
    except ConfigError as error:
        return _give_up(EXIT_USAGE, error)
    except (JournalError, IdentityError, OSError) as error:
        return _give_up(EXIT_DISK, error)
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # steps make many short-lived objects and few cycles
    try:
        asyncio.run(node.run())
    except OSError as error:
        return _give_up(EXIT_PORT, error)
    return 0


def _read_arguments(argv: Sequence[str]) -> Config:
    parser = argparse.ArgumentParser(prog="node.pyz", description="One replica as a process.")
    run = parser.add_subparsers(dest="verb", required=True).add_parser(
        "run",
        help="serve until SIGTERM",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    named = run.add_argument
    named("--config", metavar="FILE", help="a JSON object with the fields below, under these names")
    named("--id", type=int, help="this node's number")
    named("--protocol", help=f"{', '.join(PROTOCOLS)}, or package.module:Class")
    named("--peers", type=_pairs, metavar="0=HOST:PORT,1=...", help="all nodes, this one too")
    named("--http", metavar="HOST:PORT", help="where clients are served")
    named("--transport", help="tcp (without), udp, or unix: peers are 0=unix:/PATH then")
    named("--listen", metavar="HOST:PORT", help="for peers; else this node's port, all interfaces")
    named("--data", metavar="DIR", help="journal and notes")
    named("--cluster", metavar="TEXT", help="tells this cluster from others")
    named("--zones", type=_words, metavar="ZONE,ZONE...", help="one a node")
    named("--rtt-ms", type=int, help="round trip to expect (20)")
    named("--admin", type=_words, metavar="NETWORK,...", help="answer the admin's paths from there")
    named("--clock", metavar="FILE", help="the page by which its clocks may be set wrong")
    named("--disk", metavar="FILE", help="the page by which its disk may be broken")
    named("--answer-s", type=int, help="tell a client after so long that nobody knows (30)")
    named("--option", dest="options", action="append", type=_option, metavar="NAME=VALUE")
    named(
        "--disk-lost",
        action="store_true",
        default=None,
        help="this node ran before: an empty directory means that its disk is gone, not that it is new",
    )
    given = {k: v for k, v in vars(parser.parse_args(argv)).items() if v is not None}
    del given["verb"]
    told = _read_file(given.pop("config")) if "config" in given else {}
    if "options" in given:
        given["options"] = {**told.get("options", {}), **dict(given["options"])}
    return node_config.read({**told, **given})


def _read_file(path: str) -> dict[str, Any]:
    try:
        told = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(told, dict):
        raise ConfigError(f"{path}: not a JSON object")
    return told


def _pairs(text: str) -> dict[str, str]:
    return dict(_pair(part) for part in text.split(","))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"not NAME=VALUE: {text!r}")
    return name, value


def _words(text: str) -> list[str]:
    return text.split(",")


def _option(text: str) -> tuple[str, object]:
    """A value is JSON where it can be, else a text."""
    name, value = _pair(text)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


class _Stamped(logging.Formatter):
    """``2026-11-21T05:10:29.123456Z n1 INFO ...``"""

    converter: Callable[..., time.struct_time] = time.gmtime
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def _log_to_stderr(node: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Stamped(f"%(asctime)s n{node + 1} %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def _give_up(status: int, error: Exception) -> int:
    logging.getLogger("node").critical("%s", error)
    return status


if __name__ == "__main__":
    if not __debug__:
        sys.exit("node: do not run with -O: asserts are part of the node")
    sys.exit(main())
