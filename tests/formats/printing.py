"""Values and rows as EDN and as Jepsen's text, in as many ways as those may be written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

from checker.history import NEMESIS, TYPES, Row

_BLANKS = (" ", ", ", "\n ", " ; a comment ]})\n", ' #_ {:gone [1 "]"]} ', " #_ #_ 1 2 ", "\t")


def edn(value: object, chance: Random | None = None) -> str:
    """One of the ways to write a JSON value; without ``chance`` the plainest."""
    gap = " " if chance is None else chance.choice(_BLANKS)
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}N" if chance and chance.random() < 0.2 else str(value)
        case float():
            return f"{value!r}M" if chance and chance.random() < 0.2 else repr(value)
        case str():
            return _string(value, chance)
        case list() | tuple():
            items = gap.join(edn(item, chance) for item in value)
            opener, closer = "()" if chance and chance.random() < 0.3 else "[]"
            tag = "#my.ns/Tag " if chance and chance.random() < 0.2 else ""
            return f"{tag}{opener}{items}{closer}"
        case dict():
            items = gap.join(f"{edn(k, chance)} {edn(v, chance)}" for k, v in value.items())
            tag = "#jepsen.history.Op" if chance and chance.random() < 0.2 else ""
            return f"{tag}{{{items}}}"
    raise TypeError(value)


def _string(value: str, chance: Random | None) -> str:
    plain = value.isascii() and value.isidentifier()
    if plain and chance and chance.random() < 0.5:
        return f":{value}"
    if chance and len(value) == 1 and value.isascii() and value.isalpha() and chance.random() < 0.5:
        return f"\\{value} "
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    if chance and chance.random() < 0.5:
        escaped = escaped.replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def op(row: Row, index: int) -> dict[str, object]:
    """A row as Jepsen's op."""
    fields: dict[str, object] = {
        "type": TYPES[row.type],
        "f": row.f,
        "value": row.value if row.key is None else [row.key, row.value],
        "process": "nemesis" if row.process == NEMESIS else row.process,
        "time": row.time_ns,
        "index": index,
    }
    return fields | ({} if row.error is None else {"error": row.error})


def keyworded(fields: dict[str, object]) -> str:
    """An op in EDN as Jepsen prints it: names as keywords."""
    named = {"type", "f"} | ({"process"} if fields["process"] == "nemesis" else set())
    items = (f":{k} {f':{v}' if k in named else edn(v)}" for k, v in fields.items())
    return "{" + ", ".join(items) + "}"


def as_edn(rows: Sequence[Row], *, vector: bool) -> str:
    lines = [keyworded(op(row, i)) for i, row in enumerate(rows)]
    return "[" + "\n ".join(lines) + "]\n" if vector else "".join(f"{line}\n" for line in lines)


def as_text(rows: Sequence[Row], *, prefix: str = "") -> str:
    ops = [op(row, i) for i, row in enumerate(rows)]
    return "".join(
        f"{prefix}{':nemesis' if o['process'] == 'nemesis' else o['process']}\t:{o['type']}\t:{o['f']}"
        f"\t{edn(o['value'])}{'' if row.error is None else chr(9) + edn(row.error)}\n"
        for o, row in zip(ops, rows, strict=True)
    )


def as_json(rows: Sequence[Row], *, array: bool) -> str:
    lines = [json.dumps(op(row, i)) for i, row in enumerate(rows)]
    return "[" + ",\n".join(lines) + "]" if array else "".join(f"{line}\n" for line in lines)
