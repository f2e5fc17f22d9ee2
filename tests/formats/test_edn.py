"""The EDN reader: what it makes of each notation, what it refuses, and that it reads what is printed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.values import canonical
from harness.formats.edn import EdnError, Tuple, forms, read
from tests.formats.printing import edn

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: "e" not in repr(x))
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["ok", "read", "a", "x_1", "nil", "true"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


def refused(reading: Callable[[], object]) -> int:
    """The position of the error; -1 if there is none."""
    try:
        reading()
    except EdnError as error:
        return error.position
    return -1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nil", None),
        ("[true false]", [True, False]),
        ("[0 -7 +3 12N 0x1f -0XA]", [0, -7, 3, 12, 31, -10]),
        ("[1.5 -2.0 1e3 1.5M 3M 2.]", [1.5, -2.0, 1000.0, 1.5, 3.0, 2.0]),
        ("[1/2 -3/4]", ["1/2", "-3/4"]),
        ("[##Inf ##-Inf ##NaN]", ["Inf", "-Inf", "NaN"]),
        ("[:a :a/b :my.ns/x-y? ::local a/b + - -> ... ok?]",
         ["a", "a/b", "my.ns/x-y?", "local", "a/b", "+", "-", "->", "...", "ok?"]),
        (r'"a\n\t\"\\\u00e9\101"', 'a\n\t"\\éA'),
        ('"two\nlines ; no comment"', "two\nlines ; no comment"),
        (r"[\a \newline \space \u0041 \o101 \( \; \\]", ["a", "\n", " ", "A", "A", "(", ";", "\\"]),
        ("(1, (2), [])", [1, [2], []]),
        ("#{3 1 2}", [1, 2, 3]),
        ("#{:b [2 1] {:a #{}}}", sorted(["b", [2, 1], {"a": []}], key=canonical)),
        ('{:a 1, b 2, "c" 3}', {"a": 1, "b": 2, "c": 3}),
        ("{0 100, nil 1, [1 2] 3, true 4}", {"0": 100, "nil": 1, "[1,2]": 3, "true": 4}),
        ("#jepsen.history.Op{:index 0}", {"index": 0}),
        ('#inst "2026-11-21T10:15:00Z"', "2026-11-21T10:15:00Z"),
        ('#object[java.lang.Object 0x1f "x"]', ["java.lang.Object", 31, "x"]),
        ("#a #b/c [#d 1]", [1]),
        ("#:jepsen{:a 1, :_/b 2, :c/d 3}", {"jepsen/a": 1, "b": 2, "c/d": 3}),
        ('[#"a.c" #\'user/x]', ["a.c", "user/x"]),
        ("[1 #_ 2 #_ [3 #_ 4] 5 #_ #_ 6 7]", [1, 5]),
        ("; before\n[1 ; in ]\n]; after", [1]),
        ("#_ 1 2", 2),
        ("[#_ #tag {:a 1}]", []),
        ("#jepsen.independent.Tuple [3 nil]", Tuple(3, None)),
        ("#jepsen.independent.Tuple{:key :k, :value [1 2]}", Tuple("k", [1, 2])),
        ("[1" + " " * 100_000 + "]", [1]),
    ],
)  # fmt: skip
def test_notations(text: str, value: object) -> None:
    assert canonical(read(text)) == canonical(value)
    assert type(read(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "position", "problem", "torn"),
    [
        ("", 0, "one value was expected, not 0", True),
        ("1 2", 2, "not 2", False),
        ("[1 2", 0, "[ is not closed", True),
        ("[1\n (2]", 6, "] cannot close the ( of line 2", False),
        ("]", 0, "] closes nothing", False),
        ("{:a}", 0, "a key without a value", False),
        ("{:a 1 :a 2}", 0, "a key twice", False),
        ('{0 1 "0" 2}', 0, "a key twice", False),
        ("[12abc]", 1, "12abc is no number", False),
        ("[1.2.3]", 1, "1.2.3 is no number", False),
        ("[09]", 1, "09 is no number", False),
        (":", 0, "no keyword", False),
        ('["abc', 1, "a string is not closed", True),
        (r'"\q"', 0, r"\q is no escape", False),
        (r"\nonsense", 0, "is no character", False),
        ("#<Object@1>", 0, "'#' cannot be read", False),
        ("[^:x 1]", 1, "'^' cannot be read", False),
        ("#inst", 0, "#inst is not closed", True),
        ("[#_]", 3, "] cannot close the #_", False),
        ("#:a [1]", 0, "followed by a map", False),
        ("#jepsen.independent.Tuple [1]", 0, "a key and a value", False),
        ("1" * 5000, 0, "digits", False),
    ],
)
def test_what_is_refused(text: str, position: int, problem: str, torn: bool) -> None:
    with pytest.raises(EdnError) as raised:
        read(text)
    assert problem in str(raised.value)
    assert (raised.value.position, raised.value.torn) == (position, torn)


@given(VALUES, st.randoms(use_true_random=False))
def test_what_is_printed_is_read(value: object, chance: Random) -> None:
    assert canonical(read(edn(value, chance))) == canonical(value)


@given(st.lists(VALUES, max_size=4), st.randoms(use_true_random=False))
def test_forms_follow_one_another_and_tell_where_they_begin(
    values: list[object], chance: Random
) -> None:
    text = "\n".join(edn(value, chance) for value in values)
    found = list(forms(text))
    assert [canonical(form.value) for form in found] == [canonical(value) for value in values]
    assert [form.position for form in found] == sorted({form.position for form in found})
    inside = list(forms(f"[{text}\n]", 1, until="]"))
    assert [form.value for form in inside] == [form.value for form in found]


@given(VALUES, st.randoms(use_true_random=False), st.data())
def test_a_beginning_of_a_list_is_read_or_torn_or_refused(
    value: object, chance: Random, data: st.DataObject
) -> None:
    whole = edn([value, value], chance)
    text = whole[: data.draw(st.integers(0, len(whole)))]
    assert refused(lambda: read(text)) in range(-1, len(text) + 1)


@given(st.text('[](){}#_"\\;:a1 \n^', max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert refused(lambda: list(forms(text))) in range(-1, len(text) + 1)
