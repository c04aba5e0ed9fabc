"""JSON objects changed in their text, compared with what Python's JSON makes of the text before and after."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simplezarr.schema.json_text import REMOVED, Members, Text, object_text, patch, value_end

SPACE = st.text(" \t\n\r", max_size=2)
NAMES = st.one_of(st.sampled_from(["a", "b", "attributes", "é", '"', "\\", "", "\n", "😀"]), st.text(max_size=3))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def texts(draw, value=None):
    """An object as some software may spell it: with any white space, and escapes where none are needed."""
    members = draw(st.dictionaries(NAMES, VALUES, max_size=5)) if value is None else value
    parts = []
    for name, item in members.items():
        ascii_only, indent = draw(st.booleans()), draw(st.sampled_from([None, 1]))
        spaces = [draw(SPACE) for _ in range(4)]
        spelled = [json.dumps(part, ensure_ascii=ascii_only, indent=indent) for part in (name, item)]
        parts.append("".join([spaces[0], spelled[0], spaces[1], ":", spaces[2], spelled[1], spaces[3]]))
    return draw(SPACE) + "{" + (",".join(parts) or draw(SPACE)) + "}" + draw(SPACE)


def is_utf8(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@given(texts().filter(is_utf8), st.dictionaries(NAMES, VALUES | st.just(REMOVED), max_size=4))
def test_changes_are_those_of_a_dict(text, changes):
    before = json.loads(text)
    expected = {name: value for name, value in (before | changes).items() if value is not REMOVED}
    after = patch(text.encode(), changes)
    assert json.loads(after) == expected
    assert list(json.loads(after)) == list(expected)
    assert patch(after, {}) == after.lstrip(b" \t\r\n")


@given(texts().filter(is_utf8), st.dictionaries(NAMES, VALUES | st.just(REMOVED), max_size=3))
def test_changes_of_an_object_within(text, changes):
    document = f'{{"x": 1.0, "attributes": {text}, "y": [1E400]}}'.encode()
    after = patch(document, {"attributes": Members(changes)})
    begin, _, _ = document.partition(b"{" if not changes else text.strip().encode())
    assert after.startswith(begin)
    assert after.endswith(b', "y": [1E400]}')
    inner = json.loads(after)["attributes"]
    assert inner == {name: value for name, value in (json.loads(text) | changes).items() if value is not REMOVED}


@given(texts().filter(is_utf8))
def test_nothing_changes_without_a_change(text):
    assert patch(text.encode(), {}) == text.strip(" \t\r\n").encode() + text[len(text.rstrip(" \t\r\n")) :].encode()


@given(VALUES, st.text(' ,]}"x', max_size=3))
def test_ends_of_values(value, behind):
    text = json.dumps(value)
    behind = behind if isinstance(value, (str, list, dict)) else f",{behind}"
    assert value_end(text + behind, 0) == len(text)


@pytest.mark.parametrize(
    "text", ["", " ", "[1]", '"a"', "{", '{"a"', '{"a":', '{"a": 1', '{"a": 1,}', '{"a": [}', "{a: 1}", '{"a": "x}']
)
def test_what_is_no_object(text):
    with pytest.raises(ValueError, match="char"):
        patch(text.encode(), {"a": 1})


def test_what_is_kept_and_what_is_not():
    document = (
        b'\xef\xbb\xbf {"a" : 01x, "b": nan, "\xff": "\xff\xfe", "c": [1,], "d": 1, "d": 2, "deep": '
        + b"[" * 9999
        + b"]" * 9999
        + b"} "
    )
    after = patch(document, {"new": "\ud800é", "d": REMOVED})
    kept = document.replace(b', "d": 1, "d": 2', b"").removeprefix(b"\xef\xbb\xbf ").removesuffix(b"} ")
    assert after == kept + b', "new": "\\ud800\\u00e9"} '
    assert patch(document, {"d": 3}).count(b'"d"') == 1
    assert patch(b'{"a": null}', {"a": Members({"b": 1})}) == b'{"a": {"b": 1}}'
    assert patch(b"{}", {"a": 1, "b": Members({"c": Text("1e5")})}) == b'{\n  "a": 1,\n  "b": {"c": 1e5}\n}'
    assert object_text({"a": Text("NaN"), "é": [1]}) == '{"a": NaN, "é": [1]}'
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            patch(b"{}", {"a": value})
