"""What is compiled, and what interpreted code may be made of it."""

from __future__ import annotations

from harness.compiled.scope import chosen
from harness.zoo.mutant import load

COMPILED = {path.replace("/", ".") for path in chosen()}


def native(cls: type) -> type | None:
    """The first of the classes that it is made of which is a native one, once it is compiled."""
    return next((above for above in cls.__mro__ if above.__module__ in COMPILED), None)


def test_no_mutant_is_made_of_two_classes_that_are_compiled() -> None:
    """Python cannot lay out an object of both: after `harness compile` there was no zoo."""
    for mutant in load():
        for cls in mutant.trial.replica().__mro__:
            if cls.__module__.startswith("tests."):
                natives = {native(base) for base in cls.__bases__} - {None}
                assert len(natives) <= 1, (cls, natives)
