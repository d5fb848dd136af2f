"""Values of types that the default runtime does not have, to SCALE and back, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from made_up import Registry, metadata

from realm import RealmError, Runtime


def echoes() -> Runtime:
    made = Registry()
    u8, u32, i32, i64, u64, u128, i128 = (made.primitive(name) for name in ("u8", "u32", "i32", "i64", "u64", "u128", "i128"))
    text, char, boolean = made.primitive("str"), made.primitive("char"), made.primitive("bool")
    unit, octets = made.tuple(), made.vec(u8)
    optional = made.option(text)
    flag = made.option(boolean)
    shape = made.enum(
        "made_up::Shape",
        ("Empty", 0, []),
        ("RoundTable", 2, {"seats": u8, "name": optional}),
        ("Pair", 3, [u8, text]),
        ("One", 7, [optional]),
    )
    inside = made.reserve()
    made.struct("made_up::Tree", children=made.vec(inside))
    made.types[inside] = made.types.pop()
    encoded = metadata(
        made,
        u8=u8,
        u64=u64,
        u128=u128,
        i64=i64,
        i128=i128,
        compact=made.add({"compact": {"type": u128}}),
        text=text,
        char=char,
        boolean=boolean,
        unit=unit,
        octets=octets,
        secret=made.newtype("made_up::Secret", octets),
        hash=made.newtype("made_up::Hash", made.array(u8, 4)),
        float=made.newtype("made_up::F32", u32),
        milli=made.newtype("made_up::Milli", u32),
        signed=made.newtype("made_up::SignedMilli", i32),
        money=made.newtype("made_up::NanoUsd", u64),
        other_float=made.newtype("made_up::F32", u64),
        list=made.vec(i64),
        three=made.array(i64, 3),
        pair=made.tuple(u8, text),
        single=made.tuple(u8),
        option=optional,
        option_of_option=made.option(optional),
        shape=shape,
        by_name=made.map(text, flag),
        by_number=made.map(u8, text),
        tree=inside,
        bits=made.add({"bitsequence": {"bit_store_type": u8, "bit_order_type": unit}}),
    )
    return Runtime(encoded)


RUNTIME = echoes()

SAME: list[tuple[str, Any]] = [
    *(("u64", value) for value in (0, 2**53 + 1, 2**64 - 1)),
    *(("u128", value) for value in (0, 2**128 - 1)),
    *(("compact", value) for value in (0, 63, 64, 2**14, 2**30, 2**64, 2**128 - 1)),
    *(("i64", value) for value in (-(2**63), -1, 2**63 - 1)),
    *(("i128", value) for value in (-(2**127), 2**127 - 1)),
    *(("text", value) for value in ("", "0x41", "0x", "grün \N{FOX FACE}", "a" * 100)),
    *(("char", value) for value in ("x", "\N{FOX FACE}")),
    *(("boolean", value) for value in (True, False)),
    ("unit", None),
    *(("octets", value) for value in ("0x", "0x3078", "0x41", "0xff00")),
    ("secret", "0x414243"),
    ("hash", "0x30783078"),
    *(("float", value) for value in (0.1, -0.0, 1e-45, 3.4028235e38)),
    *(("milli", value) for value in (0.0, 0.7, 4294967.295)),
    *(("signed", value) for value in (-1.5, 1.5)),
    ("money", 0.000000001),
    ("other_float", 2**64 - 1),
    ("list", []),
    ("list", [1, -1]),
    ("three", [1, 2, 3]),
    ("pair", [1, "x"]),
    ("single", [1]),
    *(("option", value) for value in (None, "", "None")),
    *(("option_of_option", value) for value in (None, {"some": None}, {"some": "x"})),
    *(
        ("shape", value)
        for value in ("empty", {"round_table": {"seats": 4, "name": None}}, {"pair": [1, "x"]}, {"one": "x"}, {"one": None})
    ),
    ("by_name", {}),
    ("by_name", {"0x": True, "b": None}),
    ("by_number", [[1, "x"], [2, "y"]]),
    ("tree", {"children": [{"children": []}, {"children": []}]}),
]


@pytest.mark.parametrize(("name", "value"), SAME)
def test_values_come_back(name: str, value: Any) -> None:
    function = RUNTIME.function(name)
    back = RUNTIME.decode_result(function, RUNTIME.encode_params(function, [value]))
    assert (back, type(back)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("u64", "18446744073709551615", 2**64 - 1),
        ("u8", 5.0, 5),
        ("milli", 0.0005, 0.001),
        ("money", "18446744073.709551615", 18446744073.709551615),
        ("shape", "Empty", "empty"),
        ("shape", {"RoundTable": {"seats": 1}}, {"round_table": {"seats": 1, "name": None}}),
        ("shape", "one", {"one": None}),
        ("by_name", {"b": True, "a": False}, {"a": False, "b": True}),
        ("pair", (1, "x"), [1, "x"]),
    ],
)
def test_other_ways_to_write(name: str, written: Any, read: Any) -> None:
    function = RUNTIME.function(name)
    assert RUNTIME.decode_result(function, RUNTIME.encode_params(function, {"value": written})) == read


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("u8", 256, "value: must be from 0 to 255, got number 256"),
        ("u8", True, "value: expected integer, got boolean true"),
        ("u8", "5", 'value: expected integer, got string "5"'),
        ("u8", 5.5, "value: expected integer, got number 5.5"),
        ("i64", 2**63, f"value: must be from {-(2**63)} to {2**63 - 1}, got number {2**63}"),
        ("text", 5, "value: expected string, got number 5"),
        ("text", b"x", "value: expected string, got bytes"),
        ("text", "\ud83e", 'value: expected string, got string "\ud83e"'),
        ("char", "xy", 'value: expected string of one character, got string "xy"'),
        ("octets", "0x4", 'value: expected 0x and hex digits, got string "0x4"'),
        ("hash", "0x41", 'value: expected 0x and 8 hex digits, got string "0x41"'),
        ("float", float("nan"), "value: expected number, got number nan"),
        ("float", 1e39, "value: must be within a 32-bit float, got number 1e+39"),
        ("milli", -0.5, "value: must be >= 0, got number -0.5"),
        ("signed", -1e9, "value: must be from -2147483.648 to 2147483.647, got number -1000000000.0"),
        ("milli", 1e300, "value: must be from 0 to 4294967.295, got number 1e+300"),
        ("three", [1], "value: expected array of 3, got array of 1"),
        ("list", [1, "x"], 'value[1]: expected integer, got string "x"'),
        ("option_of_option", "x", 'value: expected null or {"some": ..}, got string "x"'),
        ("shape", "emptyy", "value: `emptyy` is none of empty, round_table, pair, one; did you mean `empty`?"),
        ("shape", "pair", "value.pair: missing; expected its fields as array"),
        ("shape", {"round_table": {}}, "value.round_table.seats: missing; expected u8"),
        ("shape", {"round_table": {"seats": 1, "nam": ""}}, "value.round_table.nam: nothing takes this; did you mean `name`?"),
        ("by_name", {"a": 1}, "value.a: expected boolean, got number 1"),
        ("bits", "0x", "value: the type `BitVec` cannot be written in Python"),
    ],
)
def test_what_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(RealmError) as caught:
        RUNTIME.encode_params(RUNTIME.function(name), {"value": value})
    assert (caught.value.code, caught.value.message) == ("INVALID_PARAMS", message)
    assert caught.value.data["field"] == message.partition(":")[0]


def test_endless_nesting_is_refused() -> None:
    tree: dict[str, Any] = {"children": []}
    tree["children"].append(tree)
    with pytest.raises(RealmError, match="nested deeper than"):
        RUNTIME.encode_params(RUNTIME.function("tree"), [tree])


@pytest.mark.parametrize("params", [None, {"valu": 1}, [1, 2], "0x"])
def test_wrong_parameters(params: Any) -> None:
    with pytest.raises(RealmError, match="INVALID_PARAMS"):
        RUNTIME.encode_params(RUNTIME.function("u8"), params)


@pytest.mark.parametrize(
    ("name", "encoded"),
    [("u64", "0x00"), ("text", "0x0c41"), ("shape", "0x01"), ("u8", "0x0000"), ("u8", 5), ("char", "0x000000ff")],
)
def test_answers_of_another_type(name: str, encoded: Any) -> None:
    with pytest.raises(RealmError, match="PROTOCOL"):
        RUNTIME.decode_result(RUNTIME.function(name), encoded)


def test_json_of_large_numbers() -> None:
    assert RUNTIME.read_result(RUNTIME.function("u128"), str(2**128 - 1)) == 2**128 - 1
    assert RUNTIME.read_result(RUNTIME.function("money"), "18446744073.709551615") == 18446744073.709551615
    digits_of_a_text = {"pair": [1, "12345678901234567890"]}
    assert RUNTIME.read_result(RUNTIME.function("shape"), digits_of_a_text) == digits_of_a_text
    assert RUNTIME.read_result(RUNTIME.function("list"), ["9223372036854775807", 1]) == [2**63 - 1, 1]


def test_no_metadata() -> None:
    with pytest.raises(RealmError, match="PROTOCOL"):
        Runtime(b"meta")


def test_what_a_runtime_says_of_itself() -> None:
    assert (RUNTIME.spec_name, RUNTIME.spec_version) == ("made", 7)
    names = {function.name: function.result.name for function in RUNTIME.functions}
    assert names["option_of_option"] == "Option<Option<String>>"
    assert names["by_number"] == "BTreeMap<u8, String>"
    assert names["three"] == "[i64; 3]"
    # Two types of one name have their whole paths.
    assert names["float"] == names["other_float"] == "made_up::F32"
    with pytest.raises(RealmError) as caught:
        RUNTIME.function("boolea")
    assert (caught.value.code, caught.value.data["nearest"]) == ("UNKNOWN_FUNCTION", "boolean")
