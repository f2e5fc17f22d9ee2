"""An inventory: which hosts there are and how they are reached, as a TOML file.

::

    name = "lab"              # default: the file's name
    tunnel = false            # true: clients, too, reach the nodes through SSH alone

    [defaults]                # for each host that does not say otherwise
    user = "admin"
    key = "~/.ssh/lab"        # relative to this file; without: the ssh-agent and the default keys
    port = 22
    sudo = true               # what needs root is run by sudo -n
    python = "python3"
    jump = "me@gate:22"       # go through this host

    [[hosts]]
    name = "n1"               # default: n1, n2, ... in the order of the file
    address = "192.0.2.11"    # as the controller reaches it
    inner = "10.0.0.1"        # as the other hosts reach it, where that differs
    zone = "eu"
    host_key = "ssh-ed25519 AAAA..."  # else: what ~/.ssh/known_hosts says

    [[rtt]]                   # what lies between two zones: `--wan` makes it so (harness.wan)
    between = ["eu", "us"]
    ms = 90

``local`` is no file: it means hosts made on this machine (:mod:`harness.remote.cluster`).
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.errors import InventoryError, UsageError
from harness.remote.seam import Host

_TOP = {"name": str, "tunnel": bool, "defaults": dict, "hosts": list, "rtt": list}
_DEFAULTS = {"user": str, "key": str, "port": int, "sudo": bool, "python": str, "jump": str}
_HOST = {**_DEFAULTS, **dict.fromkeys(("name", "address", "inner", "zone", "host_key"), str)}
_RTT = {"between": list, "ms": int}
_TYPES = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    dict: "a table",
    list: "an array",
}
_HEADER = re.compile(r"\s*\[\[?\s*\"?([\w-]+)[\w.\s\"-]*\]\]?\s*(#.*)?$")
_BUNDLED = Path(__file__).resolve().parents[1] / "inventories"

Zones = tuple[str, str]
Place = tuple[str, int, str]
"""Which table, which of that name, which key."""


@dataclass(frozen=True, slots=True)
class Inventory:
    name: str
    hosts: tuple[Host, ...]
    tunnel: bool = False
    """Whether clients reach the nodes through SSH, because nothing else gets there."""
    rtt_ms: Mapping[Zones, int] = field(default_factory=dict)
    """Round trips between zones; both orders of a pair are keys."""


def load(path_or_name: str | Path) -> Inventory:
    """Read a file, or ``inventories/NAME.toml`` here or of this project.

    Raises InventoryError, with the line, for what it says, and UsageError if there is none.
    """
    path = _find(str(path_or_name))
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryError(str(path), None, f"cannot be read: {error}") from error
    return parse(text, path)


def _find(given: str) -> Path:
    path = Path(given).expanduser()
    if path.is_file():
        return path
    folders = (Path("inventories"), _BUNDLED)
    for folder in folders:
        if (folder / f"{given}.toml").is_file():
            return folder / f"{given}.toml"
    known = {"local"} | {found.stem for folder in folders for found in folder.glob("*.toml")}
    raise UsageError(f"there is no inventory {given}{_near(given, sorted(known))}")


def parse(text: str, path: Path) -> Inventory:
    """The inventory that ``text`` says; ``path`` is named in errors, and relative keys start there."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(error, text, path) from None
    return _Reader(path, text).inventory(raw)


def _syntax_error(error: tomllib.TOMLDecodeError, text: str, path: Path) -> InventoryError:
    at = re.search(r"\(at line (\d+), column (\d+)\)|\(at end of document\)", str(error))
    problem = str(error)[: at.start()].strip() if at else str(error)
    line = int(at[1]) if at and at[1] else max(len(text.splitlines()), 1)
    return InventoryError(str(path), line, problem[:1].lower() + problem[1:])


def _near(word: str, known: Sequence[str]) -> str:
    match difflib.get_close_matches(word, known, n=1):
        case [near]:
            return f" (did you mean {near}?)"
        case _:
            return f" (known: {', '.join(known)})"


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    text: str

    def inventory(self, raw: dict[str, Any]) -> Inventory:
        self._check(raw, _TOP, "")
        defaults = raw.get("defaults", {})
        self._check(defaults, _DEFAULTS, "defaults")
        entries = raw.get("hosts", [])
        if not entries:
            raise self._error(
                "hosts", 0, None, "names no host: it needs a [[hosts]] with an address"
            )
        hosts = [self._host(i, entry, defaults) for i, entry in enumerate(entries)]
        for what in ("name", "address"):
            self._check_unique(what, hosts)
        return Inventory(
            name=raw.get("name", self.path.stem),
            hosts=tuple(hosts),
            tunnel=raw.get("tunnel", False),
            rtt_ms=self._round_trips(raw.get("rtt", []), {host.zone for host in hosts}),
        )

    def _host(self, i: int, entry: Any, defaults: dict[str, Any]) -> Host:
        self._check(entry, _HOST, "hosts", i)
        if "address" not in entry:
            raise self._error("hosts", i, None, f"host {entry.get('name', i + 1)} has no address")
        values = {"name": f"n{i + 1}", **defaults, **entry}
        self._check_values(
            values, lambda key: ("hosts", i, key) if key in entry else ("defaults", 0, key)
        )
        if "key" in values:
            values["key"] = str(self._key_path(values["key"]))
        return Host(**values)

    def _check_values(self, values: dict[str, Any], where: Callable[[str], Place]) -> None:
        if not 1 <= values.get("port", 22) <= 65535:
            raise self._error(*where("port"), f"port {values['port']} is not between 1 and 65535")
        if "key" in values and not self._key_path(values["key"]).is_file():
            raise self._error(
                *where("key"), f"there is no key file {self._key_path(values['key'])}"
            )
        for key in ("name", "address", "user"):
            if key in values and not re.fullmatch(r"[\w.:%-]+", values[key]):
                raise self._error(*where(key), f"{key} {values[key]!r} is not a {key}")
        if "inner" in values and not re.fullmatch(r"\d+(\.\d+){3}", values["inner"]):
            raise self._error(*where("inner"), f"inner {values['inner']!r} is not an IPv4 address")
        if "jump" in values and not re.fullmatch(r"([\w.-]+@)?[\w.-]+(:\d+)?", values["jump"]):
            raise self._error(
                *where("jump"), f"jump {values['jump']!r} is not of the form user@address:port"
            )
        if "host_key" in values and not re.match(r"[\w@.-]+ AAAA\S+", values["host_key"]):
            raise self._error(
                *where("host_key"), 'host_key is not of the form "ssh-ed25519 AAAA..."'
            )

    def _key_path(self, key: str) -> Path:
        return self.path.parent / Path(key).expanduser()

    def _check_unique(self, what: str, hosts: Sequence[Host]) -> None:
        seen: dict[tuple[str, int], str] = {}
        for i, host in enumerate(hosts):
            value = (host.name, 0) if what == "name" else (host.address, host.port)
            if value in seen and not (what == "address" and host.jump):
                problem = f"{what} {value[0]} is that of host {seen[value]}, too"
                raise self._error("hosts", i, what, problem)
            seen[value] = host.name

    def _round_trips(self, entries: list[Any], zones: set[str]) -> dict[Zones, int]:
        found: dict[Zones, int] = {}
        for i, entry in enumerate(entries):
            self._check(entry, _RTT, "rtt", i)
            match entry:
                case {"between": [str(a), str(b)], "ms": int(ms)} if ms >= 0:
                    pass
                case _:
                    problem = 'needs between = ["zone", "zone"] and ms, a whole number'
                    raise self._error("rtt", i, None, problem)
            for zone in (a, b):
                if zone not in zones:
                    problem = f"no host is in zone {zone}{_near(zone, sorted(zones))}"
                    raise self._error("rtt", i, "between", problem)
            found[a, b] = found[b, a] = ms
        return found

    def _check(self, table: Any, known: Mapping[str, type], name: str, i: int = 0) -> None:
        """That a table has known keys only, of the right types."""
        if not isinstance(table, dict):
            raise self._error(name, i, None, f"{name} must be {'tables' if i else 'a table'}")
        for key, value in table.items():
            if key not in known:
                near = _near(key, list(known))
                raise self._error(name, i, key, f"unknown field {key}{near}")
            wanted = known[key]
            if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
                raise self._error(
                    name,
                    i,
                    key,
                    f"{key} must be {_TYPES[wanted]}, not {json.dumps(value, default=str)}",
                )

    def _error(self, table: str, i: int, key: str | None, problem: str) -> InventoryError:
        return InventoryError(str(self.path), _line_of(self.text, table, i, key), problem)


def _line_of(text: str, table: str, i: int, key: str | None) -> int | None:
    """The line of ``key`` in the ``i``-th table of that name ("" is the top), or else of its header.

    tomllib keeps no positions. The text is known to be TOML, so that headers and keys can be told by how
    their lines begin.
    """
    current, seen, header = "", 0, None
    for number, line in enumerate(text.splitlines(), start=1):
        if opened := _HEADER.match(line):
            seen += current == table and bool(table)
            current = opened[1]
            if current == table and seen == i:
                header = number
        assigned = re.match(r"\s*\"?([\w-]+)\"?\s*[.=]", line)
        here = current == table and seen == i
        if assigned and here and assigned[1] == key:
            return number
        if assigned and header is None and current == "" and assigned[1] == table:
            header = number  # hosts = [{...}]
    return header


def write_inventory(hosts: Sequence[Host], *, name: str = "", tunnel: bool = False) -> str:
    """The text of a file that names these hosts; :func:`load` gives them again.

    >>> print(write_inventory([Host(name="n1", address="10.0.0.1", zone="eu")], name="lab"))
    name = "lab"
    <BLANKLINE>
    [[hosts]]
    name = "n1"
    address = "10.0.0.1"
    zone = "eu"
    <BLANKLINE>
    """
    lines = [f"name = {_toml(name)}"] if name else []
    lines += ["tunnel = true"] if tunnel else []
    for host in hosts:
        lines += ["", "[[hosts]]"]
        for each in fields(host):
            value = getattr(host, each.name)
            if value != each.default:
                lines.append(f"{each.name} = {_toml(value)}")
    return "\n".join(lines).lstrip() + "\n"


def _toml(value: object) -> str:
    """A string, number or boolean of JSON is one of TOML, too."""
    return json.dumps(value, ensure_ascii=False)
