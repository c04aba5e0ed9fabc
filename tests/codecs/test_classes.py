"""Codecs as configuration: what each reads and writes, what it refuses, and the rules of a chain."""

import json
import pickle
from dataclasses import FrozenInstanceError, dataclass, fields
from importlib import metadata as packages
from typing import ClassVar

import numpy as np
import pytest

from simplezarr import codecs
from simplezarr.codecs import Blosc, Bytes, Crc32c, Gzip, Sharding, Transpose, Zstd, registry
from simplezarr.codecs.base import ChunkSpec, fit_chain, resolve_chain, split_chain
from simplezarr.codecs.parse import as_codec, parse_codec, parse_codecs
from simplezarr.codecs.registry import codec_class, register_codec
from simplezarr.dtypes import parse_dtype
from simplezarr.errors import ChunkError, MetadataError, UnsupportedError, ZarrWarning
from tests.oracle.spec_vectors import V

VECTORS = {name: bytes.fromhex(data) for name, _, data in V}
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BLOSC = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0}
SHARDING = {"chunk_shape": [2], "codecs": [LITTLE], "index_codecs": [LITTLE, {"name": "crc32c"}]}


def named(name, configuration=None):
    """A codec's JSON object."""
    return {"name": name} if configuration is None else {"name": name, "configuration": configuration}


def spec_of(shape, dtype="uint16"):
    """What codecs get to see of a chunk."""
    return ChunkSpec(tuple(shape), parse_dtype(dtype), parse_dtype(dtype).default_fill)


def message_of(error, function, *args):
    """The message of the error that the call raises."""
    with pytest.raises(error) as info:
        function(*args)
    return str(info.value)


# ---------------------------------------------------------------- from JSON and back

STORED = [
    (Bytes(None), named("bytes")),
    (Bytes("big"), named("bytes", {"endian": "big"})),
    (Transpose((1, 2, 0)), named("transpose", {"order": [1, 2, 0]})),
    (Transpose(()), named("transpose", {"order": []})),
    (Gzip(0), named("gzip", {"level": 0})),
    (Zstd(-131072), named("zstd", {"level": -131072, "checksum": False})),
    (Zstd(22, checksum=True), named("zstd", {"level": 22, "checksum": True})),
    (Crc32c(), named("crc32c")),
    (Blosc("lz4", 5, "shuffle", 2, 0), named("blosc", BLOSC)),
    (Sharding((2,), (Bytes("little"),)), named("sharding_indexed", {**SHARDING, "index_location": "end"})),
]


@pytest.mark.parametrize(("codec", "value"), STORED, ids=lambda item: getattr(item, "name", ""))
def test_a_codec_is_its_json(codec, value):
    assert parse_codec(value, "codecs[0]") == codec
    assert codec.to_json() == value
    assert json.loads(json.dumps(value)) == value
    assert pickle.loads(pickle.dumps(codec)) == codec
    assert hash(codec) == hash(parse_codec({**value, "must_understand": True}, "codecs[0]"))
    for field in fields(codec):
        with pytest.raises(FrozenInstanceError):
            setattr(codec, field.name, None)


@pytest.mark.parametrize(("value", "codec"), [
    ("bytes", Bytes(None)),
    ("crc32c", Crc32c()),
    (named("bytes", {}), Bytes(None)),
    (named("crc32c", {}), Crc32c()),
    ({"name": "gzip", "configuration": {"level": 9}, "must_understand": False}, Gzip(9)),
    (named("zstd", {"level": 1}), Zstd(1)),
    (named("blosc", {**BLOSC, "typesize": 300}), Blosc("lz4", 5, "shuffle", 300)),
    (named("sharding_indexed", {**SHARDING, "index_location": "start"}),
     Sharding((2,), (Bytes("little"),), index_location="start")),
])  # fmt: skip
def test_other_spellings(value, codec):
    assert parse_codec(value, "codecs[0]") == codec


def test_defaults_of_blosc():
    without = {member: value for member, value in BLOSC.items() if member != "typesize"}
    assert parse_codec(named("blosc", {**without, "shuffle": "noshuffle"}), "c").typesize is None


MISSPELT = {
    "bytes": [
        ({"endian": "middle"}, 'endian: "middle" is not one of "little", "big"'),
        ({"endian": 1}, "endian: 1"),
        ({"order": "little"}, "order: unknown member (known here: endian)"),
    ],
    "transpose": [
        (None, "order: missing"),
        ({}, "order: missing"),
        ({"order": [0, 0]}, "order: [0, 0] is not a permutation of 0 to 1"),
        ({"order": [0, 2]}, "order: [0, 2]"),
        ({"order": [-1, 0]}, "order[0]: -1"),
        ({"order": [1.5, 0]}, "order[0]: 1.5"),
        ({"order": [True, 0]}, "order[0]: true"),
        ({"order": "A"}, 'order: "A" is not a list'),
        ({"order": None}, "order: null is not a list"),
        ({"order": [0], "axis": 0}, "axis: unknown member"),
    ],
    "sharding_indexed": [
        (None, "chunk_shape: missing"),
        ({**SHARDING, "chunk_shape": 2}, "chunk_shape: 2 is not a list"),
        ({**SHARDING, "chunk_shape": [-2]}, "chunk_shape[0]: -2 is not an integer from 0"),
        ({**SHARDING, "chunk_shape": [2.5]}, "chunk_shape[0]: 2.5"),
        ({**SHARDING, "codecs": None}, "codecs: null is not a list"),
        ({**SHARDING, "codecs": [LITTLE, named("transpose", {"order": 1})]}, "codecs[1].configuration.order: 1"),
        ({**SHARDING, "codecs": [LITTLE] * 65}, "codecs: 65 codecs; the limit is 64"),
        ({**SHARDING, "index_codecs": {}}, "index_codecs: {} is not a list"),
        ({**SHARDING, "index_location": "middle"}, 'index_location: "middle" is not one of "end", "start"'),
        ({**SHARDING, "index_location": 0}, "index_location: 0"),
        ({**SHARDING, "codec": []}, "codec: unknown member (known here: chunk_shape, codecs, index_codecs,"),
        *(({m: v for m, v in SHARDING.items() if m != gone}, f"{gone}: missing") for gone in SHARDING),
    ],
}


@pytest.mark.parametrize(
    ("name", "configuration", "message"), [(name, *case) for name, cases in MISSPELT.items() for case in cases]
)
def test_wrong_configurations_are_refused_by_member(name, configuration, message):
    found = message_of(MetadataError, parse_codec, named(name, configuration), "zarr.json: codecs[1]")
    assert found.startswith(f"zarr.json: codecs[1].configuration.{message}")


@pytest.mark.parametrize(("value", "message"), [
    (None, "c: null is neither a name nor an object"),
    (7, "c: 7 is neither"),
    ([], "c: [] is neither"),
    ({}, "c.name: missing"),
    ({"name": None}, "c.name: null must be a string"),
    ({"name": "crc32c", "configuration": 0}, "c.configuration: 0 is not an object"),
    ({"name": "crc32c", "configuration": [1]}, "c.configuration: [1] is not an object"),
    ({"name": "bytes", "id": 1}, "c.id: unknown member (known here: "),
])  # fmt: skip
def test_what_is_no_codec_at_all(value, message):
    assert message_of(MetadataError, parse_codec, value, "c").startswith(message)


def test_settings_are_checked_in_python_too():
    assert message_of(MetadataError, Zstd, 23) == "level: 23 is not an integer from -131072 to 22"
    assert message_of(MetadataError, Transpose, (0, 2)).startswith("order: [0, 2]")
    assert Transpose([1, np.int64(0)]).order == (1, 0)
    assert type(Transpose([np.int64(0)]).order[0]) is int
    sharding = Sharding([2, np.uint8(3)], ["bytes", {"name": "gzip", "configuration": {"level": 1}}, Crc32c()])
    assert sharding.chunk_shape == (2, 3)
    assert sharding.codecs == (Bytes("little"), Gzip(1), Crc32c())
    assert message_of(MetadataError, Sharding, (2,), [7]).startswith("codecs[0]: 7 is neither")
    assert message_of(MetadataError, Sharding, (2,), 7).startswith("codecs: 7 is not a list")


def test_a_name_stands_for_default_settings_in_python():
    assert as_codec("zstd", "codecs[0]") == Zstd()
    assert as_codec(Gzip(1), "codecs[0]") == Gzip(1)
    assert "transpose" in message_of(MetadataError, as_codec, "transpose", "codecs[0]")
    assert "'nope'" in message_of(UnsupportedError, as_codec, "nope", "codecs[0]").replace('"', "'")


@pytest.mark.parametrize(("value", "codec", "member"), [
    (named("endian", {"endian": "big"}), Bytes("big"), "c: 'endian' is 'bytes'"),
    (named("bytes", {"endian": None}), Bytes(None), "c.configuration.endian"),
    (named("transpose", {"order": "F"}), Transpose("F"), "c.configuration.order"),
    (named("blosc", {m: v for m, v in BLOSC.items() if m != "typesize"}), Blosc("lz4"), "c.configuration.typesize"),
    (named("blosc", {m: v for m, v in BLOSC.items() if m != "blocksize"}), Blosc("lz4", typesize=2),
     "c.configuration.blocksize"),
])  # fmt: skip
def test_what_is_tolerated(value, codec, member):
    with pytest.warns(ZarrWarning) as caught:
        assert parse_codec(value, "c") == codec
    assert len(caught) == 1
    assert str(caught[0].message).startswith(member)


def test_depth_of_shards():
    def nested(depth):
        value = [LITTLE]
        for _ in range(depth):
            value = [named("sharding_indexed", {**SHARDING, "codecs": value})]
        return value[0]

    assert parse_codec(nested(8), "c").depth == 8
    assert "9 deep" in message_of(MetadataError, parse_codec, nested(9), "c")


# ---------------------------------------------------------------- chains

CHAINS = [
    ([], "k: no array -> bytes codec"),
    ([Zstd()], "k[0]: zstd takes bytes, but no array -> bytes codec precedes it"),
    ([Transpose((0,))], "k: no array -> bytes codec"),
    ([Zstd(), Bytes()], "k[0]: zstd"),
    ([Bytes(), Bytes()], "k[1]: bytes takes an array, but bytes before it makes bytes"),
    ([Bytes(), Transpose((0,))], "k[1]: transpose takes an array"),
    ([Bytes(), Zstd(), Sharding((2,), (Bytes(),))], "k[2]: sharding_indexed takes an array"),
    ([Bytes(None)], 'k[0].configuration.endian: missing; uint16 needs "little" or "big"'),
    ([Transpose((1, 0)), Bytes()], "k[0].configuration.order: [1, 0] has 2 entries for 1 dimensions"),
    ([Transpose((0,)), Transpose(()), Bytes()], "k[1].configuration.order"),
    ([Sharding((2, 2), (Bytes(),))], "k[0].configuration.chunk_shape: [2, 2] has 2 entries for 1 dimensions"),
    ([Sharding((3,), (Bytes(),))], "k[0].configuration.chunk_shape[0]: 3 does not divide the shard's length 8"),
    ([Sharding((16,), (Bytes(),))], "k[0].configuration.chunk_shape[0]: 16 does not divide"),
    ([Sharding((0,), (Bytes(),))], "k[0].configuration.chunk_shape[0]: 0 does not divide"),
    ([Sharding((2,), ())], "k[0].configuration.codecs: no array -> bytes codec"),
    ([Sharding((2,), (Bytes(None),))], "k[0].configuration.codecs[0].configuration.endian: missing"),
    ([Sharding((2,), (Bytes(),), ())], "k[0].configuration.index_codecs: no array -> bytes codec"),
    ([Sharding((2,), (Bytes(),), (Bytes(), Zstd()))],
     "k[0].configuration.index_codecs: bytes, zstd have no fixed size"),
    ([Sharding((2,), (Bytes(),), (Sharding((2, 2), (Bytes(),)),))], "k[0].configuration.index_codecs: sharding_index"),
    ([Sharding((2,), (Bytes(),), (Bytes(None),))], "k[0].configuration.index_codecs[0].configuration.endian: missing"),
    ([Sharding((4,), (Sharding((3,), (Bytes(),)),))], "k[0].configuration.codecs[0].configuration.chunk_shape[0]: 3"),
]  # fmt: skip


@pytest.mark.parametrize(("chain", "message"), CHAINS)
def test_wrong_chains_are_refused_where_they_are_wrong(chain, message):
    assert message_of(MetadataError, resolve_chain, chain, spec_of([8]), "k").startswith(message)


def test_a_chain_is_made_of_codecs():
    assert "'zstd'" in message_of(TypeError, split_chain, [Bytes(), "zstd"], "k")


@pytest.mark.parametrize(("chain", "shapes", "nbytes"), [
    ([Bytes()], [(2, 3, 4)], 48),
    ([Bytes(), Crc32c(), Crc32c()], [(2, 3, 4)], 56),
    ([Bytes(), Zstd(), Crc32c()], [(2, 3, 4)], None),
    ([Bytes(), Gzip(), Gzip()], [(2, 3, 4)], None),
    ([Transpose((1, 2, 0)), Bytes()], [(2, 3, 4), (3, 4, 2)], 48),
    ([Transpose((1, 2, 0)), Transpose((1, 2, 0)), Bytes()], [(2, 3, 4), (3, 4, 2), (4, 2, 3)], 48),
    ([Transpose("F"), Bytes()], [(2, 3, 4), (4, 3, 2)], 48),
    ([Transpose("C"), Bytes()], [(2, 3, 4), (2, 3, 4)], 48),
    ([Transpose((1, 2, 0)), Sharding((3, 1, 2), (Bytes(),))], [(2, 3, 4), (3, 4, 2)], None),
    ([Sharding((1, 1, 1), (Bytes(),)), Crc32c()], [(2, 3, 4)], None),
])  # fmt: skip
def test_chains_are_resolved_stage_by_stage(chain, shapes, nbytes):
    stages, size = resolve_chain(chain, spec_of([2, 3, 4]), "k")
    assert [stage.shape for stage in stages] == shapes
    assert size == nbytes
    heads, middle, tails = split_chain(chain, "k")
    assert [*heads, middle, *tails] == chain


def test_a_shard_knows_its_index():
    sharding = Sharding((32, 32), (Bytes(),))
    index = sharding.index_spec(spec_of([64, 64]))
    assert (index.shape, index.dtype.name, index.fill) == ((2, 2, 2), "uint64", b"\xff" * 8)
    assert resolve_chain(sharding.index_codecs, index, "k")[1] == 68
    assert sharding.inner_spec(spec_of([64, 64])) == spec_of([32, 32])
    assert Sharding((), (Bytes(),)).index_spec(spec_of([])).shape == (2,)
    tiny = Sharding((1, 1), (Bytes(),))
    assert "an index of" in message_of(MetadataError, resolve_chain, [tiny], spec_of([2**31, 2**31]), "k")


def test_blosc_takes_less_than_2_gib():
    chain = [Bytes(), Blosc(typesize=2)]
    assert resolve_chain(chain, spec_of([2**30 - 10]), "k")[1] is None
    assert "k[1]: chunks of 2147483648" in message_of(MetadataError, resolve_chain, chain, spec_of([2**30]), "k")


def test_fitted_codecs_say_what_they_do():
    chain = (Transpose("F"), Bytes("little"), Blosc())
    assert fit_chain(chain, spec_of([2, 3], "float64"), "k") == (Transpose((1, 0)), chain[1], Blosc(typesize=8))
    assert fit_chain(chain, spec_of([2, 3], "int8"), "k")[1:] == (Bytes(None), Blosc(typesize=1))
    assert fit_chain(chain, spec_of([2, 3], "r4096"), "k")[1:] == (Bytes(None), Blosc(typesize=1))
    shard = Sharding((1, 3), (Transpose("F"), Bytes("big"), Blosc()), (Transpose("C"), Bytes("big")))
    assert shard.unfitted
    (fitted,) = fit_chain([shard], spec_of([2, 3]), "k")
    assert fitted.codecs == (Transpose((1, 0)), Bytes("big"), Blosc(typesize=2))
    assert fitted.index_codecs == (Transpose((0, 1, 2)), Bytes("big"))
    assert not fitted.unfitted
    wrong = Sharding((1, 3), (Transpose((0,)), Bytes("big")))
    found = message_of(MetadataError, fit_chain, [wrong], spec_of([2, 3]), "k")
    assert found.startswith("k[0].configuration.codecs[0].configuration.order")


# ---------------------------------------------------------------- the codecs that are plain NumPy


@pytest.mark.parametrize(("name", "dtype", "endian", "values"), [
    ("bytes-u16-be", "uint16", "big", [[1, 2], [3, 256]]),
    ("bytes-u16-le", "uint16", "little", [[1, 2], [3, 256]]),
    ("bytes-i32-be", "int32", "big", [-2, 65536]),
    ("bytes-bool", "bool", None, [True, False, True]),
    ("bytes-bool", "bool", "big", [True, False, True]),
    ("bytes-f32-be", "float32", "big", [1.0, -0.0, np.inf]),
    ("bytes-c64-be", "complex64", "big", [1 - 2j]),
    ("bytes-c128-le", "complex128", "little", [1 - 2j]),
    ("bytes-r24", "r24", "big", [b"\x0a\x0b\x0c", b"\x0d\x0e\x0f"]),
    ("bytes-0d", "uint16", "little", 513),
])  # fmt: skip
def test_bytes(name, dtype, endian, values):
    array = np.array(values, parse_dtype(dtype).numpy)
    spec = spec_of(array.shape, dtype)
    assert Bytes(endian).encode(array, spec) == VECTORS[name]
    decoded = Bytes(endian).decode(VECTORS[name], spec)
    assert decoded.dtype == array.dtype
    assert decoded.tobytes() == array.tobytes()
    assert decoded.shape == array.shape


def test_bytes_of_any_layout():
    array = np.arange(12, dtype=">u2").reshape(3, 4)[::-1, ::2].T
    assert Bytes("little").encode(array, spec_of(array.shape)) == array.astype("<u2").tobytes()


def test_truth_values_other_than_0_and_1():
    decoded = Bytes(None).decode(b"\0\1\2\xff", spec_of([4], "bool"))
    assert decoded.view("u1").tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("size", [0, 3, 5])
def test_bytes_of_another_size(size):
    assert f"{size} bytes" in message_of(ChunkError, Bytes().decode, bytes(size), spec_of([2]))


@pytest.mark.parametrize(("name", "shape", "order"), [
    ("transpose-2d", (2, 3), (1, 0)), ("transpose-3d", (2, 3, 2), (1, 2, 0)), ("transpose-id", (2, 3), (0, 1)),
    ("transpose-2d", (2, 3), "F"), ("transpose-id", (2, 3), "C"),
])  # fmt: skip
def test_transpose(name, shape, order):
    array = np.arange(np.prod(shape), dtype="u1").reshape(shape)
    encoded = Transpose(order).encode(array)
    assert encoded.tobytes() == VECTORS[name]
    assert encoded.shape == Transpose(order).resolve(spec_of(shape)).shape
    assert (Transpose(order).decode(encoded, spec_of(shape, "uint8")) == array).all()


# ---------------------------------------------------------------- the registry


@pytest.fixture
def classes(monkeypatch):
    """The registry, as it was again afterwards."""
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))


def test_names():
    assert [codec_class(name).name for name in registry.BUILTIN] == list(registry.BUILTIN)
    assert {"Zstd", "Sharding", "Codec", "register_codec"} <= set(dir(codecs))
    assert message_of(AttributeError, getattr, codecs, "Nope") == "module 'simplezarr.codecs' has no attribute 'Nope'"


@pytest.mark.parametrize("name", ["nope", "Zstd", "os.system", "numcodecs.nothing", "", "\ud800"])
def test_unknown_names(name):
    assert json.dumps(name) in message_of(UnsupportedError, codec_class, name)
    assert message_of(UnsupportedError, parse_codec, named(name), "k[3]").startswith("k[3]: unknown codec")


@pytest.mark.usefixtures("classes")
def test_codecs_of_others():
    @register_codec
    @dataclass(frozen=True)
    class Shift(codecs.BytesBytesCodec):
        name: ClassVar[str] = "test.shift"
        by: int
        wrap: bool = True

        def __post_init__(self):
            if self.by > 7:
                raise ValueError(f"{self.by} is too far")

    shift = parse_codec(named("test.shift", {"by": 1}), "k[0]")
    assert (shift, shift.to_json()) == (Shift(1), named("test.shift", {"by": 1, "wrap": True}))
    assert resolve_chain([Bytes(), shift], spec_of([2]), "k")[1] is None
    for configuration, message in [
        ({"by": 9}, "k[0].configuration: 9 is too far"),
        ({}, "k[0].configuration.by: missing; test.shift needs it"),
        ({"by": 1, "x": 0}, "k[0].configuration.x: unknown member (known here: by, wrap)"),
    ]:
        assert message_of(MetadataError, parse_codec, named("test.shift", configuration), "k[0]") == message
    with pytest.raises(NotImplementedError, match=r"test\.shift"):
        shift.encode(b"")


@pytest.mark.parametrize("wrong", [int, Zstd(), codecs.Codec, type("Nameless", (codecs.BytesBytesCodec,), {})])
def test_only_codecs_are_registered(wrong):
    with pytest.raises(TypeError):
        register_codec(wrong)


@pytest.mark.usefixtures("classes")
def test_entry_points_are_looked_at_for_unknown_names_only(monkeypatch):
    class Plugged(codecs.BytesBytesCodec):
        name = "test.plugged"

    class Entry:
        value = "module:Plugged"

        def __init__(self, found):
            self.found = found

        def load(self):
            return self.found()

    entries = {"test.plugged": lambda: Plugged, "test.broken": lambda: 1 / 0, "test.other": lambda: Plugged}
    asked = []

    def entry_points(group, name):
        asked.append((group, name))
        return [Entry(entries[name])] if name in entries else []

    monkeypatch.setattr(packages, "entry_points", entry_points)
    assert codec_class("zstd") is Zstd
    assert not asked
    assert codec_class("test.plugged") is codec_class("test.plugged") is Plugged
    assert asked == [("simplezarr.codecs", "test.plugged")]
    assert "division by zero" in message_of(UnsupportedError, codec_class, "test.broken")
    assert "is called 'test.plugged'" in message_of(UnsupportedError, codec_class, "test.other")


def test_unknown_codecs_are_skipped_where_they_need_not_be_understood():
    skipped = []
    values = ["bytes", {"name": "nope", "must_understand": False, "configuration": {"a": [1]}}, "crc32c"]
    with pytest.warns(ZarrWarning, match=r"k\[1\]: codec 'nope'.*can't be written"):
        assert parse_codecs(values, "k", skipped) == (Bytes(None), Crc32c())
    assert skipped == ["nope"]
    inner = {**SHARDING, "codecs": values}
    with pytest.warns(ZarrWarning, match="nope"):
        assert parse_codec(named("sharding_indexed", inner), "k").skipped == ("nope",)
    outer = {**SHARDING, "codecs": [named("sharding_indexed", inner)]}
    with pytest.warns(ZarrWarning, match="nope"):
        assert parse_codec(named("sharding_indexed", outer), "k").skipped == ("nope",)


def test_a_known_codec_is_not_skipped_for_an_unknown_one_in_it():
    inner = {**SHARDING, "codecs": ["bytes", "nope"]}
    known = {**named("sharding_indexed", inner), "must_understand": False}
    assert "codecs[1]: unknown codec" in message_of(UnsupportedError, parse_codecs, [known], "k")


@pytest.mark.parametrize("flag", [True, None, 0, "false"])
def test_only_false_lifts_the_duty_to_understand(flag):
    value = {"name": "nope", "must_understand": flag}
    assert 'k[0]: unknown codec "nope"' in message_of(UnsupportedError, parse_codecs, [value], "k")
