"""One row as one line of JSON, and back: the format of ``history.jsonl`` (ARCHITECTURE, section 2.4).

::

    {"index":0,"time":1200345,"process":3,"type":"invoke","f":"write","key":"x","value":5}
    {"index":2,"time":1300000,"process":"nemesis","type":"info","f":"partition","value":{}}

``key`` stands only where there is one, ``error``, ``node`` and ``intended`` likewise. A process is
a client's number, ``"nemesis"``, or ``"n1"`` for the first node's notes.
"""

from __future__ import annotations

from functools import lru_cache
from json import JSONEncoder

from checker.history import FAIL, INFO, INVOKE, NEMESIS, OK, TYPES, Row, node_process

_encode = JSONEncoder(separators=(",", ":")).encode
_TYPES = {"invoke": INVOKE, "ok": OK, "fail": FAIL, "info": INFO}
_NONE = type(None)


@lru_cache(maxsize=4096)
def _text(value: str) -> str:
    return _encode(value)


@lru_cache(maxsize=4096)
def _middle(type_: int, f: str, key: str | None) -> str:
    """What rows of one type, f and key have in common."""
    text = f'"type":"{TYPES[type_]}","f":{_text(f)}'
    return text if key is None else f'{text},"key":{_text(key)}'


def process_name(process: int) -> str:
    """A process as JSON text: ``3``, ``"nemesis"``, ``"n1"``."""
    if process >= 0:
        return str(process)
    return '"nemesis"' if process == NEMESIS else f'"n{-1 - process}"'


def encode(index: int, row: Row) -> str:
    """The line of a row, newline included. Raises TypeError for a value that is not JSON.

    >>> encode(7, Row(5, node_process(0), INFO, "decided", None, [3, "x"]))
    '{"index":7,"time":5,"process":"n1","type":"info","f":"decided","value":[3,"x"]}\\n'
    """
    time_ns, process, type_, f, key, value, error, node, intended_ns = row
    who = str(process) if process >= 0 else process_name(process)
    if key is None or type(key) is str:
        middle = _middle(type_, f, key)
    else:
        middle = f'{_middle(type_, f, None)},"key":{_encode(key)}'
    kind = type(value)
    if kind is int:
        text = str(value)
    elif kind is _NONE:
        text = "null"
    else:
        text = _encode(value)
    line = f'{{"index":{index},"time":{time_ns},"process":{who},{middle},"value":{text}'
    if error is not None:
        line += f',"error":{_encode(error)}'
    if node is not None:
        line += f',"node":{node}'
    if intended_ns is not None:
        line += f',"intended":{intended_ns}'
    return line + "}\n"


def decode(fields: object) -> Row:
    """The row of a parsed line. Raises ValueError with what is wrong with it.

    >>> decode({"time": 5, "process": "nemesis", "type": "info", "f": "kill"}).process
    -1
    >>> decode({"time": 5, "process": 1, "type": "maybe", "f": "read"})
    Traceback (most recent call last):
    ValueError: "type" is one of invoke, ok, fail, info, not 'maybe'
    """
    if type(fields) is not dict:
        raise ValueError(f"a row is an object, not {_short(fields)}")
    get = fields.get
    process, time_ns, f, node, intended_ns = (
        get("process"), get("time"), get("f"), get("node"), get("intended")
    )  # fmt: skip
    kind = get("type")
    type_ = _TYPES.get(kind) if type(kind) is str else None
    if type(process) is not int:
        process = _process(process)
    elif process < 0:
        process = None
    if (
        process is None
        or type_ is None
        or type(time_ns) is not int
        or type(f) is not str
        or (node is not None and type(node) is not int)
        or (intended_ns is not None and type(intended_ns) is not int)
    ):
        raise ValueError(_what_is_wrong(fields))
    return Row(
        time_ns, process, type_, f, get("key"), get("value"), get("error"), node, intended_ns
    )


def _process(name: object) -> int | None:
    if name == "nemesis":
        return NEMESIS
    if isinstance(name, str) and name[:1] == "n" and name[1:].isdecimal() and int(name[1:]) > 0:
        return node_process(int(name[1:]) - 1)
    return None


def _what_is_wrong(fields: dict[str, object]) -> str:
    """The first thing, as a sentence."""
    for name in ("time", "process", "type", "f"):
        if name not in fields:
            return f'there is no "{name}"'
    process = fields["process"]
    if _process(process) is None and (type(process) is not int or process < 0):
        return f'"process" is a client\'s number, "nemesis" or "n1", not {_short(process)}'
    if fields["type"] not in TYPES:
        return f'"type" is one of {", ".join(TYPES)}, not {_short(fields["type"])}'
    if type(fields["f"]) is not str:
        return f'"f" is a string, not {_short(fields["f"])}'
    wrong = next(n for n in ("time", "node", "intended") if type(fields.get(n, 0)) is not int)
    return f'"{wrong}" is a whole number, not {_short(fields[wrong])}'


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
