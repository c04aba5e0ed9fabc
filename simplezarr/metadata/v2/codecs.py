"""The members `order`, `filters` and `compressor` of Zarr 2 to a chain of codecs, and back.

Elements in the `order` go through the filters and then through the compressor. The codec that turns them into bytes is
not listed: it stands before the first filter that takes bytes, or behind all of them.

>>> from simplezarr.dtypes import parse_dtype
>>> members = {"order": "F", "filters": None, "compressor": {"id": "zstd", "level": 3}}
>>> chain = parse_chain(members, (4, 5), np.dtype(">u2"), "a/.zarray")
>>> [codec.name for codec in chain]
['transpose', 'bytes', 'zstd']
>>> chain_to_json(chain, np.dtype(">u2"))
{'compressor': {'id': 'zstd', 'level': 3}, 'order': 'F', 'filters': None}
"""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar

import numpy as np

from simplezarr.codecs.base import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, ChunkSpec, Codec, Data
from simplezarr.codecs.blosc import MAX_TYPESIZE, SHUFFLE_NUMBERS, SHUFFLES, Blosc
from simplezarr.codecs.bytes import Bytes
from simplezarr.codecs.checksums import Checksum
from simplezarr.codecs.foreign import PREFIX, Foreign, ForeignBytes, ForeignElements, find, refuse_pickle
from simplezarr.codecs.parse import MAX_CODECS, find_codec
from simplezarr.codecs.shuffle import Shuffle
from simplezarr.codecs.transpose import Transpose
from simplezarr.codecs.zstd import Zstd
from simplezarr.errors import ChunkError, MetadataError, UnsupportedError
from simplezarr.metadata.v2.dtypes import byte_order
from simplezarr.schema.extensions import JsonObject, show
from simplezarr.schema.leniency import collect, repeat, tolerate

__all__ = ["MixedBytes", "chain_to_json", "object_filter", "parse_chain"]

# Ids that are names of codecs in Zarr 3; any other codec has the name with the prefix.
_IDS = ("blosc", "zstd", "gzip", "vlen-utf8", "vlen-bytes")
_OBJECT_FILTERS = ("vlen-utf8", "vlen-bytes", "vlen-array", "json2", "msgpack2", "pickle", "categorize")
_COMPRESSORS = ("blosc", "zstd", "gzip", "zlib", "bz2", "lzma", "lz4", "pcodec", "zfpy")
_IN_C_ORDER = ("numcodecs.json2", "numcodecs.msgpack2")  # also if the order of the array is "F"
_NOTHING: tuple[Any, ...] = ([], {}, "")  # some writers store these instead of null
_ZLIB_DEFAULT = 6  # the level that -1 means to zlib
_NUMCODECS_ELEMENTSIZE = 4  # of its shuffle
_DEFAULTS = {"zstd": {"level": 0}, "gzip": {"level": 1}}  # of members that Zarr 3 requires
# Members with the type, and byte order, of the elements that a filter takes and makes.
_TAKEN, _MADE = ("dtype", "decode_dtype"), ("astype", "encode_dtype")


@dataclass(frozen=True, slots=True)
class MixedBytes(ArrayBytesCodec):
    """Store structures whose fields have different byte orders, for which Zarr 3 has no codec.

    stored: the NumPy dtype with the byte orders.
    """

    name: ClassVar[str] = "bytes of mixed order"
    stored: np.dtype

    def to_json(self) -> JsonObject:
        raise UnsupportedError(f"Zarr 3 has no form for fields of different byte orders: {self.stored}")

    def resolve(self, spec: ChunkSpec) -> int:
        return spec.nbytes

    def encode(self, array: np.ndarray, spec: ChunkSpec) -> bytes:
        return array.astype(self.stored).tobytes()

    def decode(self, data: Data, spec: ChunkSpec) -> np.ndarray:
        size = len(memoryview(data).cast("B"))
        if size != spec.nbytes:
            raise ChunkError(f"{size} bytes instead of {spec.nbytes}", codec=self.name)
        elements = np.frombuffer(data, self.stored).astype(spec.dtype.numpy)
        return spec.dtype.checked(elements).reshape(spec.shape)


# ---- reading ----


def parse_chain(members: JsonObject, shape: tuple[int, ...], stored: np.dtype, key: str) -> tuple[Codec, ...]:
    """Return the chain of an array.

    stored: the NumPy dtype with the byte orders of the chunks. Raise MetadataError, which begins with `key`, for wrong
    members, UnsupportedError for an unknown codec.
    """
    codecs: list[Codec] = [Transpose(tuple(reversed(range(len(shape)))))] if _is_reversed(members, shape, key) else []
    order = byte_order(stored)
    found = False
    for value, where in _listed(members, key):
        codec = _parse_codec(value, stored, where)
        if len(codecs) == 1 and codec.name in _IN_C_ORDER:
            codecs = []
        last = codecs[-1] if codecs else None
        if isinstance(last, ForeignElements) and not isinstance(codec, BytesBytesCodec):  # it may make anything
            codecs[-1] = replace(last, items=(*last.items, _as_foreign(codec, value, where)))
            continue
        if isinstance(codec, ArrayArrayCodec):
            order = _order_behind(value, order, where)
        if isinstance(codec, BytesBytesCodec) and not found:
            codecs.append(_elements_to_bytes(order, stored))
        if isinstance(codec, Foreign):
            is_reversed = len(codecs) == 1 and isinstance(last, Transpose)
            elements = _elements_to_bytes(order, stored)
            codec = ForeignBytes(codec) if found else ForeignElements((codec,), elements, is_reversed)
        found = found or not isinstance(codec, ArrayArrayCodec)
        codecs.append(codec)
    return tuple(codecs if found else [*codecs, _elements_to_bytes(order, stored)])


def _as_foreign(codec: Codec, value: JsonObject, where: str) -> Foreign:
    """Return numcodecs' implementation of a codec."""
    configuration = {member: item for member, item in value.items() if member != "id"}
    found = codec if isinstance(codec, Foreign) else find(value["id"], configuration, where)
    if found is None:
        raise UnsupportedError(f"{where}: numcodecs has no codec {show(value['id'])}")
    return found


def object_filter(members: JsonObject) -> str | None:
    """Return the id of the filter, or compressor, that decides what objects are; None without one."""
    filters = members.get("filters")
    for value in [*(filters if type(filters) is list else [filters]), members.get("compressor")]:
        id = value.get("id") if type(value) is dict else value
        if type(id) is str and id in _OBJECT_FILTERS:
            return id
    return None


def _is_reversed(members: JsonObject, shape: tuple[int, ...], key: str) -> bool:
    order = members.get("order")
    if order is None:
        tolerate("null-member" if "order" in members else "no-order", f"{key}: order")
        order = "C"
    elif order == "c" or order == "f":
        tolerate("small-order", f"{key}: order", show(order))
        order = order.upper()
    if order != "C" and order != "F":
        if len(shape) > 1:
            raise MetadataError(f'{key}: order: {show(order)} is neither "C" nor "F"')
        tolerate("bad-order", f"{key}: order", show(order))
    return order == "F" and len(shape) > 1


def _listed(members: JsonObject, key: str) -> list[tuple[Any, str]]:
    """Return the filters and the compressor, each with its place."""
    filters, compressor = members.get("filters"), members.get("compressor")
    for name, value in (("filters", filters), ("compressor", compressor)):
        if value is not None and value in _NOTHING:
            tolerate("no-filters", f"{key}: {name}", show(value))
    if type(filters) is dict and filters:
        tolerate("one-filter", f"{key}: filters")
        filters = [filters]
    if filters and type(filters) is not list:
        raise MetadataError(f"{key}: filters: {show(filters)} is neither a list nor null")
    listed = [(value, f"{key}: filters[{i}]") for i, value in enumerate(filters or ())]
    if compressor is not None and compressor not in _NOTHING:
        listed.append((compressor, f"{key}: compressor"))
    if len(listed) > MAX_CODECS:
        raise MetadataError(f"{key}: filters: {len(listed)} codecs; the limit is {MAX_CODECS}")
    return [(_with_id(value, place), place) for value, place in listed]


def _with_id(value: Any, where: str) -> Any:
    """Return the object of a codec that may be only its id, or a list of one."""
    if type(value) is list and len(value) == 1:
        tolerate("list-of-one", where)
        value = value[0]
    if type(value) is not str:
        return value
    tolerate("bare-id", where, show(value))
    return {"id": value}


def _parse_codec(value: Any, stored: np.dtype, where: str) -> Codec:
    if type(value) is not dict or type(value.get("id")) is not str:
        raise MetadataError(f'{where}: {show(value)} is not an object with a string "id"')
    id = value["id"]
    refuse_pickle(id, where)
    configuration = {member: item for member, item in value.items() if member != "id"}
    found = find_codec(id if id in _IDS else PREFIX + id, configuration, where)
    if isinstance(found, Codec):
        return found
    if is_dataclass(found):  # new versions of numcodecs add members
        known = {field.name for field in fields(found)}
        configuration = {member: item for member, item in configuration.items() if member in known}
    return _make(found, _adapted(id, configuration, stored, where), where)


def _make(found: type[Codec], configuration: JsonObject, where: str) -> Codec:
    """Return the codec; in messages its members are not below `configuration`, which Zarr 2 does not have."""
    try:
        with collect() as cases:
            return found.from_configuration(configuration, where)
    except MetadataError as error:
        raise MetadataError(str(error).replace(f"{where}.configuration", where, 1)) from None
    finally:
        for case, message in cases:
            repeat(case, message.replace(f"{where}.configuration", where, 1))


def _adapted(id: str, configuration: JsonObject, stored: np.dtype, where: str) -> JsonObject:
    """Return the configuration that Zarr 3 has for a codec."""
    if id == "blosc":
        shuffle = configuration.get("shuffle", 1)
        if shuffle in ("-1", "0", "1", "2"):
            tolerate("spelled-setting", f"{where}.shuffle", f"{show(shuffle)} is read as {shuffle}")
            shuffle = int(shuffle)
        if shuffle == -1:
            shuffle = 2 if stored.itemsize == 1 else 1
        typesize = stored.itemsize if stored.itemsize <= MAX_TYPESIZE and stored.kind not in "OT" else 1
        configuration = {m: v for m, v in configuration.items() if m != "typesize"}  # a chunk's header has the true one
        defaults = {"cname": "lz4", "clevel": 5, "blocksize": 0, "typesize": typesize}
        spelled = SHUFFLES.get(shuffle, shuffle) if isinstance(shuffle, int) else shuffle
        return {**defaults, **configuration, "shuffle": spelled}
    if id == "shuffle":
        return {**configuration, "elementsize": _elementsize(configuration, stored, f"{where}.elementsize")}
    if id == "gzip" and configuration.get("level") in (-1, "-1"):
        configuration = {**configuration, "level": _ZLIB_DEFAULT}
    return {**_DEFAULTS.get(id, {}), **configuration}


def _elementsize(configuration: JsonObject, stored: np.dtype, where: str) -> Any:
    """Return the size of the elements that are shuffled, None for that of the data type."""
    size = configuration.get("elementsize", _NUMCODECS_ELEMENTSIZE)
    if "elementsize" not in configuration and size != stored.itemsize:
        tolerate("missing-elementsize", where)
    if type(size) is not bool and size in (0, "0", "", None):
        if stored.kind in "OT":
            raise MetadataError(f"{where}: {show(size)} means the size of the data type, but its elements vary in size")
        tolerate("zero-elementsize", where, show(size))
        return None
    return size


def _order_behind(value: JsonObject, order: str | None, where: str) -> str | None:
    """Return the byte order of the elements that a filter makes of elements of the byte order `order`."""
    taken = _named_order(value, _TAKEN)
    if taken is not None and order is not None and taken != order:
        raise UnsupportedError(
            f"{where}: takes elements in {taken}-endian order, but gets them in {order}-endian order"
        )
    named = next((member for member in _MADE if value.get(member) not in (None, "")), None)
    return _named_order(value, _MADE) if named else order


def _named_order(value: JsonObject, members: tuple[str, ...]) -> str | None:
    """Return the byte order of the first member that names a data type; the machine's if the name has none."""
    for member in members:
        if type(value.get(member)) is str and value[member]:
            try:
                return byte_order(np.dtype(value[member]))
            except (TypeError, ValueError, SyntaxError):  # the codec refuses it
                return None
    return None


def _elements_to_bytes(order: str | None, stored: np.dtype) -> ArrayBytesCodec:
    return MixedBytes(stored) if order == "mixed" else Bytes(order)


# ---- writing ----


def chain_to_json(codecs: tuple[Codec, ...], stored: np.dtype) -> JsonObject:
    """Return the members `order`, `filters` and `compressor`; raise UnsupportedError for a chain that Zarr 2 lacks."""
    rest = list(codecs)
    order = "C"
    if rest and isinstance(rest[0], Transpose):
        order = _order_to_json(rest.pop(0).to_json()["configuration"]["order"])
    listed = [item for codec in rest for item in _to_json(codec, stored)]
    foreign = bool(rest) and isinstance(rest[-1], ForeignBytes | ForeignElements)
    last = listed.pop() if listed and (foreign or listed[-1]["id"] in _COMPRESSORS) else None
    return {"compressor": last, "order": order, "filters": listed or None}


def _order_to_json(order: list[int]) -> str:
    if order == sorted(order):
        return "C"
    if order == sorted(order, reverse=True):
        return "F"
    raise UnsupportedError(f"Zarr 2 stores axes in their order or reversed, not in the order {order}")


def _to_json(codec: Codec, stored: np.dtype) -> list[JsonObject]:
    """Return the filters that stand for a codec; none for the codec `bytes`."""
    if isinstance(codec, ForeignElements):
        return [item.configuration for item in codec.items]
    if isinstance(codec, ForeignBytes):
        return [codec.item.configuration]
    return [] if isinstance(codec, Bytes | MixedBytes) else [_codec_to_json(codec, stored)]


def _codec_to_json(codec: Codec, stored: np.dtype) -> JsonObject:
    document = codec.to_json()
    name, configuration = document["name"], document.get("configuration", {})
    id = name.removeprefix(PREFIX)
    if name == id and id not in (*_IDS, "crc32c"):
        raise UnsupportedError(f"Zarr 2 has no codec {show(name)}")
    if isinstance(codec, Blosc):
        # numcodecs takes the item size from the array, and some software refuses the member `typesize`.
        kept = {member: configuration[member] for member in ("cname", "clevel", "shuffle", "blocksize")}
        return {"id": id, **kept, "shuffle": SHUFFLE_NUMBERS[codec.shuffle]}
    if isinstance(codec, Shuffle):  # other software reads 0 as the size of the data type
        configuration = {"elementsize": configuration["elementsize"] or 1}
    if isinstance(codec, Zstd | Checksum):  # some software refuses these members
        usual = {"checksum": False, "location": getattr(type(codec)(), "location", None)}
        configuration = {m: v for m, v in configuration.items() if m not in usual or v != usual[m]}
    marked = {m: _marked(v, stored) if m in _TAKEN + _MADE else v for m, v in configuration.items()}
    return {"id": id, **marked}


def _marked(dtype: str, stored: np.dtype) -> str:
    """Return the type of a filter in the byte order of the array: in Zarr 3 a chain has only one byte order."""
    return np.dtype(dtype).newbyteorder(">" if byte_order(stored) == "big" else "<").str
