"""icechunk: zarr-python over a store of versions, on a server."""

from __future__ import annotations

import asyncio
from typing import Any

from peers.contender import REGION, REQUESTS, Place
from peers.peer_zarr import Zarr, obstore_for


class Icechunk(Zarr):
    """The same chunks, committed once to a repository in the same bucket."""

    name = "icechunk"
    package = "icechunk"

    def __init__(self, threads: int) -> None:
        import icechunk

        super().__init__(threads)
        self.icechunk = icechunk
        self._written: set[Place] = set()

    def open(self, path: str, write: bool = False) -> Any:
        raise self._refuse("read directories of others")

    def open_memory(self, files: dict[str, bytes], write: bool = False) -> Any:
        raise self._refuse("read what others keep in memory")

    def open_slow(self, path: str, latency: float, write: bool = False) -> Any:
        raise self._refuse("slow a store down")

    def members(self, path: str) -> dict[str, tuple[int, ...]]:
        raise self._refuse("read directories of others")

    def members_slow(self, path: str, latency: float) -> dict[str, tuple[int, ...]]:
        raise self._refuse("slow a store down")

    def _remote(self, place: Place, write: bool = False) -> Any:
        if write:
            raise self._refuse("replace chunks: it writes new versions")
        storage = self.icechunk.s3_storage(
            bucket=place.bucket,
            prefix=f"icechunk/{place.path}",
            region=REGION,
            endpoint_url=place.endpoint,
            allow_http=True,
            force_path_style=True,
            access_key_id="key",
            secret_access_key="secret",
        )
        if place not in self._written:
            self._write(place, storage)
            self._written.add(place)
        return self.icechunk.Repository.open(storage).readonly_session("main").store

    def _write(self, place: Place, storage: Any) -> None:
        """Commit what the others read, unless another process has done so."""
        from zarr.core.buffer.cpu import Buffer

        if self.icechunk.Repository.exists(storage):
            return
        session = self.icechunk.Repository.create(storage).writable_session("main")
        source = obstore_for(place)
        keys = [found["path"] for page in source.list() for found in page]
        documents = sorted([key for key in keys if key.endswith("zarr.json")], key=lambda key: key.count("/"))
        chunks = [key for key in keys if not key.endswith("zarr.json")]

        async def copy(key: str) -> None:
            value = await (await source.get_async(key)).bytes_async()
            await session.store.set(key, Buffer.from_bytes(bytes(value)))

        async def copy_all() -> None:
            for document in documents:
                await copy(document)
            for first in range(0, len(chunks), REQUESTS):
                await asyncio.gather(*map(copy, chunks[first : first + REQUESTS]))

        asyncio.run(copy_all())
        session.commit("the same chunks")
