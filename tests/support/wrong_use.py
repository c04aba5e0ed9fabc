"""Mistakes that type checkers find: an ignored line without a mistake is an error for them (`warn_unused_ignores`).

It is never run.
"""

import simplezarr as sz

array = sz.create_array({}, shape=4, dtype="i4")
sz.create_array({}, shape=4, dtype="i4", compressor="zstd")  # type: ignore[call-arg]
sz.open({}, mod="r")  # type: ignore[call-arg]
sz.open({}, mode="w")  # type: ignore[arg-type]
sz.open("x", "r", "r+")  # type: ignore[call-arg]
array.read(selektion=0)  # type: ignore[call-arg]
array.get_chunk(index=(0,), buffer=None)  # type: ignore[call-arg]
array.append([1], axes=0)  # type: ignore[call-arg]
array.shape = (5,)  # type: ignore[assignment]
array.store = sz.MemoryStore()  # type: ignore[assignment]
array.ndim = 2  # type: ignore[misc]
array.lazy[1:].shape = (5,)  # type: ignore[assignment]
sz.create_group({}).path = "a"  # type: ignore[assignment]
array.no_such_name  # type: ignore[attr-defined]  # noqa: B018
sz.no_such_name  # type: ignore[attr-defined]  # noqa: B018
sz.codecs.Zstd(strength=3)  # type: ignore[call-arg]
sz.codecs.NoSuchCodec()  # type: ignore[attr-defined]
sz.SlowStore(sz.MemoryStore(), latenci=1.0)  # type: ignore[call-arg]
sz.create_group({}, "a", attribute={})  # type: ignore[call-arg]
sz.open("s3://bucket/a.zarr", anonymus=True)  # type: ignore[call-arg]
sz.save("https://host/a.zarr", [1], heders={})  # type: ignore[call-arg]
sz.create_group({}).create_group("a", attribute={})  # type: ignore[call-arg]
sz.create_group({}).create_array("a", shape=4, dtyp="i4")  # type: ignore[call-arg]
sz.create_group({}).require_array("a", shape=4, dtype="i4", chunk=2)  # type: ignore[call-arg]
sz.require_array({}, shape=4, dtype="i4", maxshape=None)  # type: ignore[call-arg]
sz.save({}, [1], chunksize=2)  # type: ignore[call-arg]
sz.create_array({}, shape="4", dtype="i4")  # type: ignore[arg-type]
sz.create_array({}, shape=4, dtype=4)  # type: ignore[arg-type]
sz.create_array({}, shape=4, dtype="i4", chunks="big")  # type: ignore[arg-type]
sz.create_array({}, shape=4, dtype="i4", codecs=5)  # type: ignore[arg-type]
sz.create_array({}, shape=4, dtype="i4", dimension_names=[1])  # type: ignore[list-item]
sz.create_array({}, shape=4, dtype="i4", attributes=["unit"])  # type: ignore[arg-type]
sz.save({}, [1], chunks=2.5)  # type: ignore[arg-type]
