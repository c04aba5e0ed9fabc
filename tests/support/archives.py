"""Zip archives by zipfile, and by hand: field by field, so that any can be wrong. Sections are those of APPNOTE.TXT."""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass

import pytest

import simplezarr as sz


@dataclass
class Entry:
    """One member: what its two headers say (None: the truth), and what is stored."""

    name: bytes
    data: bytes = b""
    method: int = 0
    flags: int = 0
    size: int | None = None
    stored: int | None = None
    crc: int | None = None
    extra: bytes = b""  # in the directory
    local_extra: bytes = b""
    local_name: bytes | None = None
    local_signature: bytes = b"PK\3\4"
    offset: int | None = None
    disk: int = 0
    system: int = 3
    attributes: int = 0o100644 << 16
    content: bytes | None = None  # decoded
    before: bytes = b""  # unused bytes in front of the header
    after: bytes = b""  # as a data descriptor is

    def truth(self):
        """CRC, stored size and size."""
        content = self.data if self.content is None else self.content
        truth = zlib.crc32(content), len(self.data), len(content)
        shown = self.crc, self.stored, self.size
        return [true if shown is None else shown for shown, true in zip(shown, truth, strict=True)]

    def local(self):
        """Return the local header [4.3.7] and the data."""
        name = self.name if self.local_name is None else self.local_name
        fixed = struct.pack("<4sHHHHHLLLHH", self.local_signature, 20, self.flags, self.method, 0, 33, *self.truth(),
                            len(name), len(self.local_extra))  # fmt: skip
        return fixed + name + self.local_extra + self.data + self.after

    def central(self, offset):
        """Return the entry in the directory [4.3.12]."""
        offset = offset if self.offset is None else self.offset
        fixed = struct.pack("<4sBBHHHHHLLLHHHHHLL", b"PK\1\2", 20, self.system, 20, self.flags, self.method, 0, 33,
                            *self.truth(), len(self.name), len(self.extra), 0, self.disk, 0, self.attributes,
                            offset)  # fmt: skip
        return fixed + self.name + self.extra


def archive(*entries, comment=b"", front=b"", zip64=False, **wrong):
    """Return the bytes of an archive. `wrong`: what the end record says: disk, count, size, offset, here."""
    body, directory = b"", b""
    for entry in entries:
        body += entry.before
        directory += entry.central(len(body))
        body += entry.local()
    truth = {"disk": 0, "first": 0, "here": len(entries), "count": len(entries), "size": len(directory),
             "offset": len(body)}  # fmt: skip
    shown = {**truth, **wrong}
    if "count" in wrong and "here" not in wrong:
        shown["here"] = shown["count"]
    end = b""
    if zip64:
        numbers = [shown[name] for name in ("disk", "first", "here", "count", "size", "offset")]
        end += struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, *numbers)
        end += struct.pack("<4sLQL", b"PK\6\7", 0, len(body) + len(directory), 1)
        shown |= {"here": 0xFFFF, "count": 0xFFFF, "size": 0xFFFFFFFF, "offset": 0xFFFFFFFF}
    end += struct.pack("<4sHHHHLLH", b"PK\5\6", *shown.values(), len(comment))
    return front + body + directory + end + comment


def deflate(data, level=6):
    """Deflated bytes without a header."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def deflated(name, data, **fields):
    """Return a member that is deflated."""
    return Entry(name, deflate(data), method=8, content=data, **fields)


class Unseekable(io.RawIOBase):
    """A stream: zipfile then writes data descriptors."""

    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def zipped(values, compression=zipfile.ZIP_STORED, *, stream=False, wide=False, comment=b""):
    """Make an archive by zipfile."""
    file = Unseekable() if stream else io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        made.comment = comment
        for key, value in values.items():
            with made.open(key, "w", force_zip64=wide) as member:
                member.write(value)
    return file.data if stream else file.getvalue()


def opened(data, **arguments):
    """Open the store of an archive that is in memory."""
    return sz.ZipStore(sz.MemoryStore({"a.zip": data}), "a.zip", **arguments)


class Remote(sz.Store):
    """An archive that is asked for ranges, which are counted. It has versions if `versioned`."""

    def __init__(self, data, versioned=False):
        self.data, self.asked, self.versioned = data, [], versioned

    def get(self, key):
        raise AssertionError("read as a whole")

    def get_range(self, key, start, length):
        return self.get_ranges(key, [(start, length)])[0]

    def get_ranges(self, key, ranges):
        ranges = [*ranges]
        self.asked.append(ranges)
        return sz.MemoryStore({"a": self.data}).get_ranges("a", ranges)

    def reader(self, key):
        reader = super().reader(key)
        if self.versioned:
            data = self.data
            reader.__class__ = type("Versioned", (type(reader),), {"validator": property(lambda self: hash(data))})
        return reader

    def size(self, key):
        raise AssertionError("asked for the size")

    def take(self):
        asked, self.asked = self.asked, []
        return asked


def read_all(data):
    """Return what zipfile reads from an archive, given as bytes or a path."""
    with zipfile.ZipFile(io.BytesIO(data) if isinstance(data, bytes) else data) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names))
        return {name: archive.read(name) for name in names}


def fail_once(store):
    """Let the first attempt to close a store fail, as on a full disk."""
    draft = store._archive._draft
    publish = draft.publish
    draft.publish = lambda size: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    if "zarr.json" in store.list() or not store._is_ome:
        with pytest.raises(OSError, match="No space"):
            store.close()
    draft.publish = publish
