"""Symbolic links in a local store: what leads out of it, also if it is exchanged at the worst moment.

SIMPLEZARR_CAMPAIGN lengthens the campaign: so many reads and a tenth as many deletions beside a thread that exchanges.
"""

import errno
import os
import random
import shutil
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import simplezarr as sz
from simplezarr.stores import LocalStore
from tests.support.faults import faults, needs_faults, run

resource = pytest.importorskip("resource", reason="POSIX only")

CAMPAIGN = int(os.environ.get("SIMPLEZARR_CAMPAIGN", "20000"))


def contents(path):
    """All below a directory: files with their bytes, directories, links with where they lead."""
    return {
        str(found.relative_to(path)): os.readlink(found)
        if found.is_symlink()
        else found.read_bytes()
        if found.is_file()
        else None
        for found in sorted(Path(path).rglob("*"))
    }


def make(path):
    """A store's directory and one outside that looks alike."""
    for name in ("root", "outside"):
        shutil.rmtree(path / name, ignore_errors=True)
        for key in ("a/zarr.json", "a/b/c/0", "a/b/c/1", "a/b/x.partial", "a/d/empty/0", "f"):
            file = path / name / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(name.encode())
    shutil.rmtree(path / "aside", ignore_errors=True)
    return path / "root", path / "outside"


def exchange(path, key):
    """Put a link to the same place outside where a directory of the store is."""
    with suppress(FileNotFoundError):
        os.rename(path / "root" / key, path / "aside")
        os.symlink(path / "outside" / key, path / "root" / key)


DIRECTORIES = ("a", "a/b", "a/b/c", "a/d")


def at_each_call(path, call, check, step):
    """Exchange each directory before each (of `step`) of the calls to the system that `call` makes."""
    for i, key in enumerate(DIRECTORIES):
        for nth in range(i % step, 1000, step):
            root, outside = make(path)
            before, seen = contents(outside), []

            def decide(name, where, fd, nth=nth, key=key, seen=seen):
                seen.append((name, where))
                if len(seen) == nth + 1:
                    exchange(path, key)
                return 0

            with faults(decide):
                try:
                    result = call(str(root))
                except OSError as error:
                    result = error
            assert contents(outside) == before, (key, nth, seen)
            check(result)
            if nth >= len(seen):
                break


def exchanged_while_deleting(path, step):
    path, step = Path(path), int(step)
    for follow in (True, False):
        for prefix in ("a", ""):
            at_each_call(
                path,
                lambda root, follow=follow, prefix=prefix: LocalStore(root, follow_symlinks=follow).delete_prefix(
                    prefix
                ),
                lambda result: None,
                step,
            )
    changes = (
        lambda store: store.delete_prefix("a/b"),
        lambda store: store.delete("a/b/c/0"),
        lambda store: store.delete("a/d/empty/0"),
        lambda store: store.set("a/b/c/0", b"new"),
        lambda store: store.set("a/b/new/0", b"new"),
        lambda store: store.set_file("a/b/c/1", f"{path}/root/f"),
        lambda store: store.remove_partials(older_than=-1),
    )
    for change in changes:
        at_each_call(
            path, lambda root, change=change: change(LocalStore(root, follow_symlinks=False)), lambda result: None, step
        )


@needs_faults
def test_exchanged_while_deleting_and_writing(tmp_path):
    run(exchanged_while_deleting, tmp_path, 17)


def exchanged_while_a_node_goes(path, step):
    """A node's directory, or one above the node, is exchanged while the node is deleted or overwritten."""
    path, step = Path(path), int(step)
    sz.set_num_threads(1)
    changes = (
        lambda root: sz.open_group(root, mode="r+").__delitem__("g/a"),
        lambda root: sz.create_array(root, "g/a", shape=4, dtype="u1", overwrite=True),
    )
    for k, change in enumerate(changes):
        for key in ("g/a", "g/a/c"):
            for nth in range(k % step, 1000, step):
                for name in ("root", "outside"):
                    shutil.rmtree(path / name, ignore_errors=True)
                    sz.create_array(path / name, "g/a", data=np.arange(1, 41), chunks=(5,))
                shutil.rmtree(path / "aside", ignore_errors=True)
                before, seen = contents(path / "outside"), []

                def decide(name, where, fd, nth=nth, key=key, seen=seen):
                    seen.append((name, where))
                    if len(seen) == nth + 1:
                        exchange(path, key)
                    return 0

                with faults(decide), suppress(OSError, sz.ZarrError):
                    change(str(path / "root"))
                assert contents(path / "outside") == before, (k, key, nth, seen[nth:])
                if nth >= len(seen):
                    break


@needs_faults
def test_exchanged_while_a_node_goes(tmp_path):
    run(exchanged_while_a_node_goes, tmp_path, 11)


def exchanged_while_reading(path, step):
    path, step = Path(path), int(step)
    keys = {"a/zarr.json", "a/b/c/0", "a/b/c/1", "a/d/empty/0"}

    def check_value(result):
        assert result in (b"root", [b"root"], 4, None) or isinstance(result, PermissionError), result

    def check_names(result):
        assert isinstance(result, PermissionError) or set(result) <= keys | {"f", "0", "1", "a", "b", "c", "d"}, result

    reads = (
        lambda store: store.get("a/b/c/0"),
        lambda store: store.get_range("a/b/c/0", 0, 9),
        lambda store: store.get_ranges("a/b/c/0", [(0, 9)]),
        lambda store: store.reader("a/b/c/0").get_range(0, 9),
        lambda store: store.size("a/b/c/0"),
    )
    for read in reads:
        at_each_call(path, lambda root, read=read: read(LocalStore(root, follow_symlinks=False)), check_value, step)

    def listed(root):
        store = LocalStore(root, follow_symlinks=False)
        (path / "outside" / "a" / "b" / "c" / "secret").write_bytes(b"outside")
        return [*store.list("a"), *store.list_dir("a/b/c")]

    for directory in DIRECTORIES:
        for nth in range(0, 20, step):
            make(path)
            calls = []

            def decide(name, where, fd, nth=nth, directory=directory, calls=calls):
                calls.append(name)
                if len(calls) == nth + 1:
                    exchange(path, directory)
                return 0

            with faults(decide):
                try:
                    names = listed(str(path / "root"))
                except PermissionError:
                    continue
            assert "secret" not in str(names)


@needs_faults
@pytest.mark.campaign
def test_exchanged_campaign(tmp_path):
    run(exchanged_while_deleting, tmp_path, 1, seconds=600)
    run(exchanged_while_reading, tmp_path, 1, seconds=600)
    run(exchanged_while_a_node_goes, tmp_path, 1, seconds=600)
    run(moved_while_deleting, tmp_path, 1, seconds=600)


@needs_faults
def test_exchanged_while_reading(tmp_path):
    run(exchanged_while_reading, tmp_path, 5)


def race(path, rounds):
    """A thread exchanges a directory and a file all the time."""
    root, outside = make(path)
    (root / "real").mkdir()
    (root / "real" / "0").write_bytes(b"root")
    (outside / "0").write_bytes(b"outside")
    store, done = LocalStore(root, follow_symlinks=False), threading.Event()

    def flip():
        while not done.is_set():
            for target in (outside, root / "real"):
                os.symlink(target, root / "next")
                os.rename(root / "next", root / "link")

    os.symlink(root / "real", root / "link")
    thread = threading.Thread(target=flip)
    thread.start()
    seen = set()
    try:
        for i in range(rounds):
            try:
                seen |= {store.get("link/0"), store.get_range("link/0", 0, 7)}
                if i % 10 == 0:
                    store.set("link/1", b"root")
                    store.delete("link/1")
            except PermissionError:
                seen.add(None)
    finally:
        done.set()
        thread.join()
    assert seen == {b"root", None}
    assert sorted(os.listdir(outside)) == ["0", "a", "f"]


def race_deleting(path, rounds):
    for _ in range(rounds):
        root, outside = make(path)
        before = contents(outside)
        thread = threading.Thread(target=exchange, args=(path, "a/b"))
        thread.start()
        LocalStore(root).delete_prefix("a")
        thread.join()
        assert contents(outside) == before


def test_races(tmp_path):
    race(tmp_path, 1500)
    race_deleting(tmp_path, 30)


@pytest.mark.campaign
def test_races_campaign(tmp_path):
    race(tmp_path, CAMPAIGN)
    race_deleting(tmp_path, CAMPAIGN // 10)


@pytest.mark.parametrize("follow", [True, False])
def test_deleting_through_a_link(tmp_path, follow):
    """The link at the end of a key or prefix goes alone; one on the way is followed, as by `rm`, if it may be."""
    root, outside = make(tmp_path)
    before = contents(outside)
    (root / "link").symlink_to(outside)
    (root / "file").symlink_to(outside / "f")
    (root / "inner").symlink_to("a/b")
    (root / "nowhere").symlink_to("none")
    (root / "itself").symlink_to("itself")
    store = LocalStore(root, follow_symlinks=follow)
    for key in ("file", "nowhere", "itself"):
        store.delete_prefix(key)  # no directories
        assert (root / key).is_symlink()
        store.delete(key)
        assert not (root / key).is_symlink()
    assert store.is_link("link")
    store.delete("link")
    assert not store.is_link("link")
    (root / "link").symlink_to(outside)
    if follow:
        store.delete("link/a/b/c/0")
        store.delete_prefix("link/a/d")
        assert set(before) - set(contents(outside)) == {"a/b/c/0", "a/d", "a/d/empty", "a/d/empty/0"}
    else:
        for call in (store.delete, store.delete_prefix):
            with pytest.raises(PermissionError, match="symbolic links lead out"):
                call("link/a/b")
        assert contents(outside) == before
    before = contents(outside)
    store.delete_prefix("inner/c")
    assert sorted(os.listdir(root / "a" / "b")) == ["x.partial"]
    store.delete_prefix("inner")
    store.delete_prefix("link/")
    assert sorted(os.listdir(root)) == ["a", "f"]
    assert contents(outside) == before


def test_a_root_that_is_a_link(tmp_path):
    root, _ = make(tmp_path)
    (tmp_path / "link").symlink_to(root)
    for follow in (True, False):
        store = LocalStore(tmp_path / "link", follow_symlinks=follow)
        store.set("g/x", b"value")
        (root / "absolute").symlink_to(tmp_path / "link" / "g" / "x")
        (root / "real").symlink_to(root / "g" / "x")
        assert [store.get(key) for key in ("g/x", "absolute", "real")] == 3 * [b"value"]
        assert not store.is_link("")
        store.delete_prefix("")
        assert (tmp_path / "link").is_symlink()
        assert os.listdir(root) == []


def test_links_are_resolved_as_by_the_system(tmp_path):
    """Random ones, relative and absolute, with `..`, in chains and circles, compared with `os.path.realpath`."""
    rng = random.Random(1)
    outcomes = set()
    for round_ in range(60):
        root, _ = make(tmp_path / str(round_))
        places = ["a", "a/b", "a/b/c", "a/d", "f", "a/b/c/0", "a/d/empty"]
        for i in range(8):
            at = rng.choice(["", "a/", "a/b/", "a/d/"])
            target = rng.choice(
                [*places, *(f"l{k}" for k in range(8)), "..", "../..", "../../..", "a/b/../d/./empty", "none"]
            )
            if rng.random() < 0.3:
                target = f"{root}/{target}"
            elif rng.random() < 0.5:
                target = "../" * at.count("/") + target
            (root / f"{at}l{i}").symlink_to(target)
            places.append(f"{at}l{i}")
        store, free = LocalStore(root, follow_symlinks=False), LocalStore(root)
        for place in places:
            for key in (place, f"{place}/0", f"{place}/c/0", f"{place}/l1"):
                outcomes.add(compare(store, free, key))
    assert outcomes == {"value", "missing", "refused", "loop"}


def compare(store, free, key):
    """A confined store gives what an unconfined one gives, or refuses because the way leads out."""
    try:
        expected = free.get(key)
    except OSError as error:
        assert error.errno == errno.ELOOP  # noqa: PT017
        with pytest.raises(OSError, match="symbolic links"):
            store.get(key)
        return "loop"
    real = os.path.realpath(f"{store.root}/{key}")
    try:
        found = store.get(key)
    except PermissionError:
        assert not leads_only_inside(store.root, key)
        return "refused"
    assert found == expected
    assert found is None or real.startswith(f"{store.root}/")
    return "missing" if found is None else "value"


def leads_only_inside(root, key):
    """Whether each place on the way to a key, link by link, is in the root."""
    todo, at = key.split("/"), root
    while todo:
        name = todo.pop(0)
        if name in ("", "."):
            continue
        at = os.path.dirname(at) if name == ".." else f"{at}/{name}"
        if not f"{at}/".startswith(f"{root}/"):
            return False
        if os.path.islink(at):
            target = os.readlink(at)
            if target.startswith("/") and not f"{target}/".startswith(f"{root}/"):
                return False
            at = root if target.startswith("/") else os.path.dirname(at)
            todo[:0] = target.removeprefix(root).split("/")
    return True


# ---------------------------------------------------------------- depth


def make_deep(path, levels, name):
    """Directories in each other, with a file and a link in each; longer than a path may be."""
    here = os.open(path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
        os.close(os.open("0", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.symlink("nowhere", "link", dir_fd=here)
    os.close(here)


@pytest.fixture
def place():
    """A directory that others need not clean up: most tools can't remove a deep one."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)
        subprocess.run(["rm", "-rf", f"{path}/root"], check=True)


@pytest.mark.parametrize(("follow", "levels"), [(True, 1200), (False, 100)])
def test_any_depth_is_deleted_with_few_descriptors(place, follow, levels):
    (place / "root" / "a").mkdir(parents=True)
    make_deep(place / "root" / "a", levels, "a-name-of-some-length")
    (place / "root" / "b").write_bytes(b"")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd")), default=60) if os.path.exists("/proc/self/fd") else 60
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 45, before[1]))
    try:
        LocalStore(place / "root", follow_symlinks=follow).delete_prefix("a")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert os.listdir(place / "root") == ["b"]


@pytest.mark.parametrize(("follow", "levels"), [(True, 1100), (False, 300)])
def test_any_depth_is_listed(place, follow, levels):
    (place / "root").mkdir()
    make_deep(place / "root", levels, "d")
    store = LocalStore(place / "root", follow_symlinks=follow)
    deep = levels * "d/" + "0"
    assert len([*store.list()]) == levels
    store.set(deep, b"new")
    assert store.get(deep) == b"new"
    store.delete(deep)
    store.delete_prefix("")
    assert os.listdir(place / "root") == []


def moved_while_deleting(path, step):
    """Deep directories that are moved elsewhere: nothing beside them there is deleted, and the rest goes."""
    path, step = Path(path), int(step)
    for nth in range(0, 700, step):
        shutil.rmtree(path / "root", ignore_errors=True)
        shutil.rmtree(path / "other", ignore_errors=True)
        (path / "root" / "a").mkdir(parents=True)
        (path / "other").mkdir()
        (path / "other" / "0").write_bytes(b"")
        make_deep(path / "root" / "a", 60, "d")
        seen = []

        def decide(name, where, fd, nth=nth, seen=seen):
            seen.append(name)
            if len(seen) == nth + 1:
                with suppress(FileNotFoundError):
                    os.rename(path / "root" / "a" / "d" / "d" / "d" / "d", path / "other" / "d")
            return 0

        with faults(decide):
            LocalStore(path / "root").delete_prefix("a")
        assert os.path.exists(path / "other" / "0")
        assert os.listdir(path / "root") == []


@needs_faults
def test_moved_while_deleting(tmp_path):
    run(moved_while_deleting, tmp_path, 90)
