"""Mistakes that type checkers find: an ignored line without a mistake is an error for them (`warn_unused_ignores`).

It is never run.
"""

import simplezarr as sz

MYPY = False  # mypy takes it for True; pyright is told that it is False

array = sz.create_array({}, shape=4, dtype="i4", compressor="zstd")  # type: ignore[call-arg]
sz.open({}, mod="r")  # type: ignore[call-arg]
sz.open({}, mode="w")  # type: ignore[arg-type]
sz.open("x", "r", "r+")  # type: ignore[call-arg]
array.read(selektion=0)  # type: ignore[call-arg]
array.get_chunk(index=(0,), buffer=None)  # type: ignore[call-arg]
array.append([1], axes=0)  # type: ignore[call-arg]
array.no_such_name  # type: ignore[attr-defined]  # noqa: B018
sz.no_such_name  # type: ignore[attr-defined]  # noqa: B018
sz.codecs.Zstd(strength=3)  # type: ignore[call-arg]
sz.codecs.NoSuchCodec()  # type: ignore[attr-defined]
sz.SlowStore(sz.MemoryStore(), latenci=1.0)  # type: ignore[call-arg]
sz.create_group({}, "a", attribute={})  # type: ignore[call-arg]
sz.open("s3://bucket/a.zarr", anonymus=True)  # type: ignore[call-arg]
sz.save("https://host/a.zarr", [1], heders={})  # type: ignore[call-arg]
if MYPY:  # pyright goes by the annotation alone, and does not see that `shape` has no setter
    array.shape = (5,)  # type: ignore[misc]
