"""`simplezarr check`: every kind of damage is found, with its key and nothing else; sound hierarchies are sound."""

import contextlib
import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.__main__ import ProgressBar, main
from simplezarr.utils import Problem, Report, check
from tests.fuzz.arrays import mutate
from tests.fuzz.mutations import change_document
from tests.oracle import v3 as oracle
from tests.oracle.v3 import CRC32C, LITTLE, codec, sharding
from tests.support.helpers import PYTHON, Counting, Failing, same_package

ROOT = Path(__file__).parents[2]
RAMP = np.arange(48, dtype="u2").reshape(8, 6)
EMPTY = 2**64 - 1
MUTATIONS = 200


def hierarchy():
    """A sound hierarchy of both formats, as a dict."""
    store = {}
    sz.create_group(store, attributes={"title": "sound"})
    sz.create_array(store, "raw", data=RAMP + 1, chunks=(4, 4), codecs=["crc32c"])
    sz.create_array(store, "g/zstd", data=RAMP + 1, chunks=(4, 4))
    sz.create_array(store, "g/gzip", data=RAMP + 1, chunks=(4, 4), codecs=["gzip"], chunk_key_encoding="v2")
    sz.create_array(store, "g/blosc", data=RAMP + 1, chunks=(4, 4), codecs=["blosc"])
    sz.create_array(store, "g/shard", data=RAMP + 1, chunks=(2, 3), shards=(4, 6), codecs=["crc32c"])
    sz.create_array(store, "text", data=np.array(["a", "", "äöü"] * 3, np.dtypes.StringDType()), chunks=2, shards=4)
    sz.create_array(store, "scalar", data=np.float32(2.5))
    sz.create_group(store, "old", zarr_format=2, attributes={"a": 1})
    sz.create_array(store, "old/x", data=RAMP + 1, chunks=(4, 4), zarr_format=2, codecs=["gzip"])
    grid = {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [[2, [3, 2]], 6]}}
    nested = sharding([1, 6], [sharding([1, 3], [LITTLE, CRC32C])])
    for name, codecs in ("rect", [LITTLE]), ("rectshard", [nested]):
        edit(store, "raw/zarr.json", f"{name}/zarr.json", chunk_grid=grid, codecs=codecs)
        sz.open_array(store, name, mode="r+")[...] = RAMP + 1
    return store


def edit(store, source, target=None, **members):
    """Writes a document with other members, at its own key or another one."""
    document = json.loads(store[source]) | members
    store[target or source] = json.dumps(document).encode()


def found(store, path=""):
    """(kind, key) of all that `check` finds."""
    return {(problem.kind, problem.key) for problem in check(store, path).problems}


# ---------------------------------------------------------------- sound


def test_a_sound_hierarchy(pool):
    store = hierarchy()
    report = check(store)
    assert report.problems == ()
    chunks = {key for key in store if ".z" not in key and "zarr.json" not in key}
    assert report.nodes == 13
    assert report.nbytes == sum(len(store[key]) for key in chunks)
    # of 2 x 2 chunks each: raw, three in g, x; then 4 x 2 in 2 shards, 5 in 3 shards, one, 3, and 3 shards of 8 rows
    assert report.chunks == 5 * 4 + 8 + 5 + 1 + 3 + 16
    assert check(store, "g/shard") == Report((), 1, 8, len(store["g/shard/c/0/0"]) + len(store["g/shard/c/1/0"]))


@pytest.mark.parametrize("zarr_format", [3, 2])
def test_sound_consolidated_metadata(zarr_format):
    store = {}
    sz.create_group(store, zarr_format=zarr_format, attributes={"a": [1.5, None]})
    for name in ("a", "b/c"):
        sz.create_array(store, name, data=RAMP, zarr_format=zarr_format, fill_value=3, attributes={"x": name})
    sz.open_group(store, mode="r+").consolidate_metadata()
    assert check(store).problems == ()
    assert sz.open_group(store).metadata.consolidated


def test_what_the_oracle_leaves_open(pool):
    """Garbage outside the array and between inner chunks, missing chunks, shards in another order."""
    chains = [
        [LITTLE, codec("gzip", level=6)],
        [sharding([2, 3], [LITTLE, CRC32C])],
        [sharding([2, 3], [LITTLE], [LITTLE], "start")],
        [codec("transpose", order=[1, 0]), sharding([3, 2], [sharding([1, 2], [LITTLE])])],
        [sharding([2, 3], [LITTLE]), codec("zstd", level=3, checksum=True)],
    ]
    for codecs in chains:
        store = oracle.write_array({}, "", np.arange(63, dtype="u2").reshape(9, 7) % 11, (4, 6), codecs=codecs)
        assert check(store).problems == ()


def test_the_example_is_sound():
    report = check(ROOT / "examples" / "real.zarr")
    assert report.problems == ()
    assert report.chunks


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_python_is_sound(zarr_format, tmp_path):
    zarr = pytest.importorskip("zarr")
    root = zarr.open_group(str(tmp_path), mode="w", zarr_format=zarr_format)
    root.attrs["a"] = {"b": [1, None]}
    group = root.create_group("g")
    group.create_array("x", data=RAMP, chunks=(4, 4), fill_value=5)
    group.create_array("nan", shape=(9,), dtype="f4", chunks=(2,), fill_value=np.nan)[3:] = np.arange(6)
    if zarr_format == 3:
        group.create_array("s", data=RAMP, chunks=(2, 3), shards=(4, 6))
    group.create_array("text", data=np.array(["a", "bc", ""], np.dtypes.StringDType()), chunks=(2,))
    zarr.consolidate_metadata(str(tmp_path), zarr_format=zarr_format)
    report = check(tmp_path)
    assert report.problems == ()
    assert report.nodes == 5 + (zarr_format == 3)
    group["x"].attrs["new"] = 1
    document = "zarr.json" if zarr_format == 3 else ".zmetadata"
    assert found(tmp_path) == {("stale", document)}


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_tensorstore_is_sound(driver, tmp_path):
    tensorstore = pytest.importorskip("tensorstore")
    sharded = {
        "codecs": [sharding([2, 3])],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 6]}},
    }
    for i, metadata in enumerate([{}, sharded] if driver == "zarr3" else [{}, {"chunks": [4, 4]}]):
        kvstore = {"driver": "file", "path": str(tmp_path / str(i))}
        spec = {"driver": driver, "kvstore": kvstore, "metadata": metadata}
        array = tensorstore.open(spec, create=True, dtype=tensorstore.uint16, shape=RAMP.shape).result()
        array.write(RAMP + 1).result()
        report = check(tmp_path / str(i))
        assert report.problems == ()
        assert report.chunks >= 1


# ---------------------------------------------------------------- damage


def flip(store, key, at):
    data = bytearray(store[key])
    data[at] ^= 0x10
    store[key] = bytes(data)


def set_index(store, key, **entries):
    """Writes offset and size of inner chunks, by their numbers, into a shard of 4 whose index is at its end."""
    index = np.frombuffer(store[key][-68:-4], "<u8").reshape(4, 2).copy()
    for number, entry in entries.items():
        index[int(number[1:])] = entry
    data = index.tobytes()
    store[key] = store[key][:-68] + data + oracle.crc32c(data)


CHUNKS = {
    "a bit of a checked chunk": ("raw/c/0/0", lambda s, k: flip(s, k, 3)),
    "a chunk too short": ("raw/c/0/1", lambda s, k: s.update({k: s[k][:-1]})),
    "a chunk too long": ("rect/c/0/0", lambda s, k: s.update({k: s[k] + b"x"})),
    "an empty chunk": ("g/zstd/c/0/0", lambda s, k: s.update({k: b""})),
    "a cut zstd frame": ("g/zstd/c/1/1", lambda s, k: s.update({k: s[k][:-3]})),
    "a bit of gzip": ("g/gzip/1.0", lambda s, k: flip(s, k, -6)),
    "a header of Blosc": ("g/blosc/c/0/1", lambda s, k: flip(s, k, 4)),
    "much too long": ("raw/c/1/1", lambda s, k: s.update({k: bytes(1 << 20)})),
    "text": ("text/c/0", lambda s, k: flip(s, k, 0)),
    "a chunk of Zarr 2": ("old/x/1.1", lambda s, k: flip(s, k, -2)),
    "an inner chunk": ("g/shard/c/1/0", lambda s, k: flip(s, k, 20)),
    "an inner chunk in an inner chunk": ("rectshard/c/2/0", lambda s, k: flip(s, k, 3)),
    "a scalar": ("scalar/c", lambda s, k: s.update({k: b"\x28"})),
}
SHARDS = {
    "a bit of the index": lambda s, k: flip(s, k, -10),
    "no place for the index": lambda s, k: s.update({k: s[k][:60]}),
    "outside": lambda s, k: set_index(s, k, n1=(60, 100)),
    "far outside": lambda s, k: set_index(s, k, n1=(2**63, 2**63 + 16)),
    "half empty": lambda s, k: set_index(s, k, n1=(EMPTY, 16)),
    "the other half": lambda s, k: set_index(s, k, n1=(0, EMPTY)),
}


@pytest.mark.parametrize("damage", CHUNKS)
def test_damaged_chunks(damage):
    store = hierarchy()
    key, change = CHUNKS[damage]
    change(store, key)
    assert found(store) == {("chunk", key)}
    assert check(store).problems[0].path == key.split("/c")[0].removesuffix("/1.0").removesuffix("/1.1")


@pytest.mark.parametrize("damage", SHARDS)
def test_damaged_indexes(damage):
    store = hierarchy()
    SHARDS[damage](store, "g/shard/c/0/0")
    assert found(store) == {("shard", "g/shard/c/0/0")}


def test_every_damaged_inner_chunk_is_named():
    store = hierarchy()
    flip(store, "g/shard/c/0/0", 1)
    flip(store, "g/shard/c/0/0", 16 * 3 + 1)
    set_index(store, "g/shard/c/0/0", n1=(1000, 16))
    messages = [problem.message for problem in check(store).problems]
    assert [message.partition(":")[0] for message in messages] == [f"inner chunk {i}" for i in [(0, 0), (1, 1), (0, 1)]]
    assert "crc32c" in messages[0]
    assert "1000" in messages[2]


@pytest.mark.parametrize(("entry", "other"), [((8, 16), "(0, 0)"), ((60, 16), "the index"), ((0, 16), "(0, 0)")])
def test_overlaps(entry, other):
    store = hierarchy()
    set_index(store, "g/shard/c/0/0", n1=entry)
    problems = [problem for problem in check(store).problems if problem.kind == "shard"]
    assert {problem.key for problem in problems} == {"g/shard/c/0/0"}
    assert any(other in problem.message and "(0, 1)" in problem.message for problem in problems)


def test_damage_where_transposes_come_first():
    codecs = [codec("transpose", order=[1, 0]), sharding([3, 2], [LITTLE, CRC32C])]
    store = oracle.write_array({}, "", RAMP + 1, (8, 6), codecs=codecs, seed=None)
    flip(store, "c/0/0", 2 * 16 + 1)  # stored as 2 x 4 inner chunks of 12 bytes and a checksum: the third
    assert ["inner chunk (2, 0)" in problem.message for problem in check(store).problems] == [True]


def test_a_shard_that_is_wrapped():
    codecs = [sharding([2, 3], [LITTLE, CRC32C]), CRC32C]
    store = oracle.write_array({}, "", RAMP + 1, (8, 6), codecs=codecs, seed=None)
    body = bytearray(store["c/0/0"][:-4])
    body[5] ^= 1
    store["c/0/0"] = bytes(body) + oracle.crc32c(bytes(body))
    assert found(store) == {("chunk", "c/0/0")}
    flip(store, "c/0/0", 5)
    (problem,) = check(store).problems
    assert problem.message.startswith("crc32c")


def test_a_shard_in_many_pieces():
    """Read in runs, through ranges that are bounded."""

    class Ranges(Counting):
        def get(self, key):
            assert key == "zarr.json"
            return super().get(key)

    values = np.arange(5 * 10**6, dtype="u4").reshape(5, -1)
    store = {}
    sz.create_array(store, data=values, chunks=(1, -1), shards=(5, -1), codecs=["crc32c"])
    ranges = Ranges(store)
    assert check(ranges).problems == ()
    lengths = [call[3] for call in ranges.calls if call[0] == "get_range"]
    assert len(lengths) == 1 + 3  # the index, and two inner chunks of 4 MB at a time
    assert max(lengths) <= 8 << 20
    flip(store, "c/0/0", 4 * values.size)  # in the last one
    (problem,) = check(store).problems
    assert "inner chunk (4, 0)" in problem.message


@pytest.mark.filterwarnings("ignore::simplezarr.ZarrWarning")
def test_what_can_not_be_read_is_found():
    """Random damage, also of documents: `check` never fails, and finds whatever makes reading fail."""
    sound = hierarchy()
    paths = [key.rpartition("/")[0] for key in sound if key.endswith(("zarr.json", ".zarray"))]
    for seed in range(MUTATIONS):
        rand = random.Random(seed)
        store, key = mutate(rand, sound)
        if seed % 3 == 0:
            key = rand.choice([key for key in sound if key.endswith((".json", ".zarray"))])
            store = {**sound, key: change_document(rand, sound[key])}
        problems = check(store).problems
        assert problems or all(can_be_read(store, path) for path in paths), f"{key}, seed {seed}"


def can_be_read(store, path):
    """Whether a node can be opened and, unless its document has made it larger, read."""
    try:
        node = sz.open(store, path)
        if isinstance(node, sz.Array) and node.nbytes <= 1 << 24:
            node.read()
    except (sz.ZarrError, ValueError):
        return False
    return True


# ---------------------------------------------------------------- documents and keys

DOCUMENTS = {
    "no JSON": (lambda s: s.update({"raw/zarr.json": b"{"}), {("metadata", "raw/zarr.json")}),
    "a missing member": (lambda s: edit(s, "raw/zarr.json", shape=None), {("metadata", "raw/zarr.json")}),
    "a chain that can't be": (
        lambda s: edit(s, "raw/zarr.json", codecs=[codec("transpose", order=[0, 2]), LITTLE]),
        {("metadata", "raw/zarr.json")},
    ),
    "Zarr 2": (lambda s: edit(s, "old/x/.zarray", order="X"), {("metadata", "old/x/.zarray")}),
    "attributes of Zarr 2": (lambda s: s.update({"old/x/.zattrs": b"["}), {("metadata", "old/x/.zattrs")}),
    "an unknown codec": (
        lambda s: edit(s, "raw/zarr.json", codecs=[LITTLE, "xyz"]),
        {("unsupported", "raw/zarr.json")},
    ),
    "an old name": (
        lambda s: edit(s, "raw/zarr.json", codecs=[codec("endian", endian="little"), CRC32C]),
        {("lenient", "raw/zarr.json")},
    ),
    "an unusable copy": (
        lambda s: edit(s, "g/zarr.json", consolidated_metadata={"kind": "x", "metadata": {}}),
        {("metadata", "g/zarr.json")},
    ),
    "no document": (lambda s: s.pop("scalar/zarr.json"), {("stray", "scalar/c")}),
    "no group": (lambda s: s.pop("g/zarr.json"), {("hierarchy", "g/zarr.json")}),
    "no root": (lambda s: s.pop("zarr.json"), {("hierarchy", "zarr.json")}),
    "a node in an array": (
        lambda s: s.update({"raw/n/zarr.json": s["g/zarr.json"]}),
        {("hierarchy", "raw/n/zarr.json")},
    ),
    "a reserved name": (
        lambda s: s.update({"g/__x/zarr.json": s["g/zarr.json"]}),
        {("name", "g/__x/zarr.json")},
    ),
    "two formats": (lambda s: s.update({"g/.zgroup": s["old/.zgroup"]}), {("shadowed", "g/.zgroup")}),
    "Zarr 2's two kinds": (lambda s: s.update({"old/x/.zgroup": s["old/.zgroup"]}), {("shadowed", "old/x/.zgroup")}),
    "a stray key": (lambda s: s.update({"g/README": b""}), {("stray", "g/README")}),
    "a stray key in an array": (lambda s: s.update({"raw/c/0/00": b""}), {("stray", "raw/c/0/00")}),
    "too many numbers": (lambda s: s.update({"raw/c/0/0/0": b""}), {("stray", "raw/c/0/0/0")}),
    "keys of another encoding": (lambda s: s.update({"raw/0.0": s["raw/c/0/0"]}), {("stray", "raw/0.0")}),
    "no key": (lambda s: s.update({"g/../x": b""}), {("stray", "g/../x")}),
    "outside the grid": (lambda s: s.update({"raw/c/2/0": s["raw/c/0/0"]}), {("outside", "raw/c/2/0")}),
    "outside a rectilinear grid": (lambda s: s.update({"rect/c/3/0": b""}), {("outside", "rect/c/3/0")}),
}


@pytest.mark.parametrize("damage", DOCUMENTS)
def test_documents_and_keys(damage):
    store = hierarchy()
    change, expected = DOCUMENTS[damage]
    change(store)
    assert found(store) == expected


def test_severities():
    store = hierarchy()
    store["g/README"] = b""
    flip(store, "raw/c/0/0", 0)
    severities = {problem.kind: problem.severity for problem in check(store).problems}
    assert severities == {"stray": "warning", "chunk": "error"}


@pytest.mark.parametrize("zarr_format", [3, 2])
def test_stale_copies(zarr_format):
    store = {}
    for name in ("g/a", "g/b"):
        sz.create_array(store, name, data=RAMP, zarr_format=zarr_format)
    sz.open_group(store, "g", mode="r+").consolidate_metadata()
    key = "g/zarr.json" if zarr_format == 3 else "g/.zmetadata"
    old, own = store[key], "zarr.json" if zarr_format == 3 else ".zarray"
    sz.open_array(store, "g/a", mode="r+").attrs["new"] = 1
    del sz.open_group(store, mode="r+")["g/b"]
    sz.create_array(store, "g/c", data=RAMP, zarr_format=zarr_format)
    store[key] = old
    assert found(store) == {("stale", key)}
    assert [problem.message.split()[3] for problem in check(store).problems] == ["/g/a", "/g/b", "/g/c"]
    store[f"g/a/{own}"] = b"{"
    assert found(store) == {("stale", key), ("metadata", f"g/a/{own}")}
    assert len([problem for problem in check(store).problems if problem.kind == "stale"]) == 2


def test_stale_attributes_of_the_group_itself():
    store = hierarchy()
    sz.open_group(store, "old", mode="r+").consolidate_metadata()
    assert found(store) == set()
    store["old/.zattrs"] = b'{"a": 2}'
    assert found(store) == {("stale", "old/.zmetadata")}


def test_cropped_chunks_are_read():
    store = {}
    sz.create_array(store, data=RAMP + 1, chunks=(4, 4), codecs=["bytes"])
    store["c/0/1"] = np.ascontiguousarray(RAMP[:4, 4:]).tobytes()
    assert found(store) == {("lenient", "c/0/1")}


def test_what_can_not_be_read():
    for part, key in ("raw/c/0/1", "raw/c/0/1"), ("old/x/.zarray", "old/x/.zarray"):
        assert found(Failing(hierarchy(), OSError(5, "bad disk"), part)) == {("unreadable", key)}


def test_nothing_and_no_list():
    with pytest.raises(sz.NodeNotFoundError, match="has no keys"):
        check({})
    with pytest.raises(sz.NodeNotFoundError, match="/x"):
        check(hierarchy(), "x")

    class NoList(sz.Store):
        def get(self, key):
            return None

    with pytest.raises(sz.UnsupportedError, match="list"):
        check(NoList())


def test_only_what_is_below():
    store = hierarchy()
    flip(store, "raw/c/0/0", 0)
    store["graw"] = b""
    assert found(store, "g") == set()
    assert found(store, "raw") == {("chunk", "raw/c/0/0")}


def test_progress(pool):
    calls = []
    store = hierarchy()
    check(store, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(i + 1, len(store)) for i in range(len(store))]

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(store, progress=interrupt)


def test_nothing_is_changed(tmp_path):
    oracle.dump(hierarchy(), tmp_path)
    (tmp_path / "raw" / "c" / "0" / "0.partial").write_bytes(b"1")
    before = {path: (path.stat().st_mtime_ns, path.is_dir()) for path in tmp_path.rglob("*")}
    assert found(tmp_path) == {("partial", "raw/c/0/0.partial")}
    assert {path: (path.stat().st_mtime_ns, path.is_dir()) for path in tmp_path.rglob("*")} == before


@pytest.mark.skipif(os.name == "nt", reason="no locks of files there")
def test_temporary_files_of_living_writers_are_left_alone(tmp_path):
    store = sz.LocalStore(tmp_path)
    oracle.dump(hierarchy(), tmp_path)
    (tmp_path / "raw" / "c" / "1" / "0.partial").touch()
    with store.lock("raw/c/0/0"):
        assert (tmp_path / "raw" / "c" / "0" / "0.partial").exists()
        assert [*store.partials()] == ["raw/c/1/0.partial"]
    assert [*store.partials("g")] == []
    assert found(store) == {("partial", "raw/c/1/0.partial")}


# ---------------------------------------------------------------- the report and the command


def test_reports_are_readable():
    problems = [Problem("stray", "warning", "a", f"a/{i}", "it is\x1b[2J stray") for i in range(25)]
    text = str(Report((*problems, Problem("chunk", "error", "b", "b/c/0", "zstd: bad")), 1, 1200, 1))
    lines = text.splitlines()
    assert lines[:2] == ["/a", "  warning: a/0: it is\\x1b[2J stray (stray)"]
    assert lines[21:] == [
        *("  and 5 more (stray)", "", "/b", "  error: b/c/0: zstd: bad (chunk)", ""),
        "26 problems (1 error, 25 warnings) in 1 node, 1,200 chunks, 1 byte",
    ]


def run(*arguments, command=(*PYTHON, "-m", "simplezarr")):
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, env=same_package())


def test_the_command(tmp_path):
    oracle.dump(hierarchy(), tmp_path / "x")
    done = run("check", tmp_path / "x")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no problems in 13 nodes, 53 chunks, ")
    (tmp_path / "x" / "raw" / "c" / "0" / "0").write_bytes(b"12")
    done = run("check", "--json", tmp_path / "x")
    assert (done.returncode, done.stderr) == (1, "")
    report = json.loads(done.stdout)
    (problem,) = report.pop("problems")
    assert report.keys() == {"nodes", "chunks", "nbytes"}
    assert problem.items() > {"kind": "chunk", "severity": "error", "path": "raw", "key": "raw/c/0/0"}.items()


@pytest.mark.parametrize("arguments", [[], ["check"], ["chekc", "."], ["check", "--no", "."], ["check", "nowhere"]])
def test_wrong_usage(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status = main(arguments)
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert capsys.readouterr().err


def test_the_installed_command():
    script = Path(sys.executable).with_name("simplezarr")
    if not script.exists():
        pytest.skip("simplezarr is not installed, only imported")
    assert run("--version", command=[script]).stdout == f"simplezarr {sz.__version__}\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar(tmp_path, monkeypatch, capsys):
    times = iter([0.0, 0.05, 0.2])
    terminal = Terminal()
    bar = ProgressBar(terminal, lambda: next(times))
    for done in (1, 1500, 2000):
        bar(done, 2000)
    assert [part.count("#") for part in terminal.getvalue().split("\r")] == [0, 0, 40]
    assert terminal.getvalue().endswith("2,000 of 2,000 keys")
    oracle.dump(hierarchy(), tmp_path)
    with contextlib.redirect_stderr(Terminal()) as terminal:
        assert main(["check", str(tmp_path)]) == 0
    assert "keys" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert main(["check", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
