"""What compiled modules need while they run: what Python gives its own classes, and native ones lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, make_dataclass
from typing import Any


def as_record(
    cls: Any, told: Sequence[tuple[str, str, bool]], eq: bool, hashed: bool, kw_only: bool
) -> None:
    """Put upon a class what ``dataclasses`` tells of a record: who reads its fields (``fields``, ``replace``,
    ``get_type_hints``, ``match``) finds them as ever. That a frozen one refuses a change is left to mypy.

    ``told``: the name and annotation of each field, and whether it has a default. One that is inherited
    has no annotation.
    """
    twin: Any = make_dataclass(
        cls.__name__,
        [
            (name, Any, field(default=None)) if has_default else (name, Any)
            for name, _, has_default in told
        ],
        eq=eq,
        unsafe_hash=hashed,
        kw_only=kw_only,
    )
    cls.__annotations__ = {name: kind for name, kind, _ in told if kind}
    for name in ("__dataclass_fields__", "__dataclass_params__", "__match_args__", "__repr__"):
        setattr(cls, name, getattr(twin, name))
    for name, wanted in (("__eq__", eq), ("__hash__", hashed)):
        if wanted and name not in vars(cls):
            setattr(cls, name, getattr(twin, name))
    if eq and not hashed:
        cls.__hash__ = None
    # So that a record that is made of this one has places for its own fields only (``dataclasses`` looks).
    cls.__slots__ = tuple(name for name, kind, _ in told if kind)
    guard(cls)
    names = [name for name, _, _ in told]
    cls.__reduce__ = lambda self: (_made, (type(self), [getattr(self, name) for name in names]))


def _made(cls: Any, values: Sequence[object]) -> Any:
    """A record again, of what ``pickle`` or ``copy`` was given."""
    return cls(**dict(zip(cls.__dataclass_fields__, values, strict=True)))


def guard(*classes: Any) -> None:
    """Let a subclass that is interpreted be refused if it gives a value to what is a field here.

    Native code reads the field's place in the struct, and would never see that value.
    """
    for cls in classes:
        cls.__init_subclass__ = classmethod(_refusing(cls))


def _refusing(cls: Any) -> Any:
    def init_subclass(sub: Any, **more: Any) -> None:
        super(cls, sub).__init_subclass__(**more)
        if "__mypyc_attrs__" in vars(sub):
            return
        for name in vars(sub):
            for base in sub.__mro__[1:]:
                if not name.startswith("__") and name in vars(base).get("__mypyc_attrs__", ()):
                    raise TypeError(
                        f"{sub.__qualname__}.{name} hides a field of {base.__qualname__}, which is compiled:"
                        f" set HARNESS_COMPILED=no"
                    )

    return init_subclass


def attributes(thing: Any) -> dict[str, Any]:
    """As ``vars``, of an object whose class may be native."""
    names = [
        name
        for cls in reversed(type(thing).__mro__)
        for name in vars(cls).get("__mypyc_attrs__", ())
        if name != "__dict__"
    ]
    found = {name: getattr(thing, name) for name in names if hasattr(thing, name)}
    return {**found, **getattr(thing, "__dict__", {})}
