"""Pulling from a hub that is hostile, or breaks off: nothing wrong gets in, nothing is fetched twice."""

import errno
import json
import shutil

import pytest
from support.hub_archives import NAME, asked, contents, largest, make, pull, push
from support.recorder import Recorder
from support.web import cut, status

from reco_core.archives import manifest as store
from reco_core.errors import ArchiveError, Cancelled, DownloadError, NoSpaceError
from reco_core.utils.hashing import sha256

pytestmark = pytest.mark.usefixtures("alone")


def test_revisions(hub, tmp_path):
    first = make(tmp_path / "a")
    address = push(hub, tmp_path / "a")
    second = make(tmp_path / "a", seed=1)
    push(hub, tmp_path / "a")
    pull(hub, tmp_path / "b")
    assert store.read_manifest(tmp_path / "b") == second
    pull(hub, tmp_path / "b", revision=address.rpartition("/")[2])
    assert store.read_manifest(tmp_path / "b") == first
    assert set(contents(tmp_path / "b")) == {*first.named, "manifest.json"}
    for act in (push, pull):
        with pytest.raises(DownloadError, match="no such revision"):
            act(hub, tmp_path / "a", revision="v/9")


def test_a_dataset_that_is_no_archive(hub, tmp_path):
    hub.add(NAME, {"README.md": b"# Photos"})
    with pytest.raises(ArchiveError, match=r"holds no archive.*manifest.json"):
        pull(hub, tmp_path / "b")
    assert not any(tmp_path.iterdir())


def hostile(manifest: dict, **changed: object) -> dict:
    name, entry = next((n, e) for n, e in manifest["files"].items() if n.startswith("features"))
    files = {n: e for n, e in manifest["files"].items() if n != name}
    new = str(changed.pop("name", name))
    parts = [{**part, "files": {**part["files"], "features": new}} for part in manifest["parts"]]
    return {**manifest, "parts": parts, "files": {**files, new: {**entry, **changed}}}


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../stolen.npy"},
        {"name": "/tmp/stolen.npy"},
        {"name": ".ssh"},
        {"sha256": "../../stolen"},
        {"sha256": 5},
        {"sha256": ""},
        {"bytes": "many"},
        {"bytes": -1},
        {"bytes": None},
    ],
)
def test_a_hostile_manifest_is_refused(hub, tmp_path, changed):
    make(tmp_path / "a")
    text = json.dumps(hostile(json.loads((tmp_path / "a/manifest.json").read_text()), **changed))
    hub.add(NAME, {**contents(tmp_path / "a"), "manifest.json": text.encode()})
    with pytest.raises(ArchiveError, match=r"holds no archive that this version can read.*someone/photos"):
        pull(hub, tmp_path / "deep" / "b")
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {".b.lock"}
    assert not asked(hub, "GET")[1:]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": 99}', b"\xff\xfe"])
def test_a_manifest_that_cannot_be_read(hub, tmp_path, text):
    hub.add(NAME, {"manifest.json": text})
    with pytest.raises(ArchiveError, match="holds no archive that this version can read"):
        pull(hub, tmp_path / "b")
    assert not (tmp_path / "b").exists()


@pytest.fixture
def shared(hub, tmp_path):
    """An older archive in `out`, and a newer one on the hub; the older one's contents."""
    make(tmp_path / "out", seed=9)
    make(tmp_path / "a")
    push(hub, tmp_path / "a")
    hub.seen.clear()
    return contents(tmp_path / "out")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda data: data[:-1] + b"!", "not what its manifest says"),
        (lambda data: b"", "not what its manifest says"),
        (lambda data: data[:-1], "not what its manifest says"),
        (lambda data: data + b"more", "larger than expected"),
    ],
)
def test_wrong_bytes_are_refused(hub, tmp_path, shared, wrong, told):
    data = largest(tmp_path / "a")
    hub.files[hub.cdn(data)] = wrong(data)
    with pytest.raises((ArchiveError, DownloadError), match=told):
        pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == shared
    hub.files[hub.cdn(data)] = data
    pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "a")


def test_a_broken_connection_is_continued(hub, tmp_path, shared):
    path = hub.cdn(largest(tmp_path / "a"))
    hub.faults[path] = [cut(100_000), status(503), cut(50_000)]
    pull(hub, tmp_path / "out")
    assert hub.asked[path] == ["", "bytes=100000-", "bytes=100000-", "bytes=150000-"]
    assert contents(tmp_path / "out") == contents(tmp_path / "a")


def test_an_interrupted_pull_is_continued_even_in_a_newer_version(hub, tmp_path, shared):
    data = largest(tmp_path / "a")
    hub.faults[hub.cdn(data)] = [cut(100_000)] + [status(503)] * 4
    with pytest.raises(DownloadError, match="what came so far is kept"):
        pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == shared
    came = set(asked(hub, "GET"))
    repository = hub.repositories[NAME]
    hub.add(NAME, {**{path: data for path, (data, _) in repository.tree.items()}, "README.md": b"# Newer"})
    hub.seen.clear()
    hub.asked.clear()
    pull(hub, tmp_path / "out")
    assert hub.asked[hub.cdn(data)] == ["bytes=100000-"]
    assert {path for path in asked(hub, "GET") if "/cdn/" in path} & came == {hub.cdn(data)}
    assert contents(tmp_path / "out") == contents(tmp_path / "a")
    assert not (tmp_path / ".out-pulling").exists()


def test_parts_that_nobody_wants_any_more_are_swept_away(hub, tmp_path, shared):
    for seed in (0, 1):
        make(tmp_path / "a", seed=seed)
        push(hub, tmp_path / "a")
        path = hub.cdn(largest(tmp_path / "a"))
        hub.faults[path] = [cut(100_000)] + [status(503)] * 4
        with pytest.raises(DownloadError):
            pull(hub, tmp_path / "out")
    manifest = store.read_manifest(tmp_path / "a")
    kept = {file.name.removesuffix(".part") for file in (tmp_path / ".out-pulling").iterdir()}
    assert kept < {f"{file.sha256}-{name}" for name, file in manifest.files.items()}
    assert f"{path.removeprefix('/cdn/')}-{manifest.parts[0].files['features']}" in kept


def test_a_part_that_went_bad_does_not_get_in(hub, tmp_path, shared):
    data = largest(tmp_path / "a")
    hub.faults[hub.cdn(data)] = [cut(100_000)] + [status(503)] * 4
    with pytest.raises(DownloadError):
        pull(hub, tmp_path / "out")
    for file in (tmp_path / ".out-pulling").iterdir():  # one that was broken off, and a whole one
        file.write_bytes(b"?" + file.read_bytes()[1:])
    with pytest.raises(ArchiveError, match=r"not what its manifest says.*Try again"):
        pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == shared
    pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "a")


def test_all_files_are_of_one_version(hub, tmp_path, shared):
    commit = hub.repositories[NAME].branches["main"]
    make(tmp_path / "newer", seed=2)
    hub.before[f"/datasets/{NAME}/resolve/{commit}/manifest.json"] = [lambda: push(hub, tmp_path / "newer")]
    hub.lock = type("NoLock", (), {"__enter__": lambda self: None, "__exit__": lambda *_: None})()
    pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "a")
    assert hub.repositories[NAME].branches["main"] != commit
    pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "newer")


def test_what_is_here_is_not_fetched_again_unless_it_is_damaged(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHECKED_ON_OPENING", 0)
    make(tmp_path / "a")
    push(hub, tmp_path / "a")
    pull(hub, tmp_path / "out")
    file = next((tmp_path / "out").glob("features-*"))
    file.write_bytes(b"?" + file.read_bytes()[1:])
    hub.seen.clear()
    pull(hub, tmp_path / "out")
    assert [path for path in asked(hub, "GET") if "/cdn/" in path] == [hub.cdn(largest(tmp_path / "a"))]
    assert contents(tmp_path / "out") == contents(tmp_path / "a")


def test_a_folder_with_something_else_stays(hub, tmp_path, shared):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("a cat")
    with pytest.raises(ArchiveError, match="is no archive"):
        pull(hub, tmp_path / "photos")
    assert contents(tmp_path / "photos") == {"cat.jpg": b"a cat"}
    with store.changing(tmp_path / "out"), pytest.raises(ArchiveError, match="another process"):
        pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == shared


def test_files_not_named_by_contents_are_not_replaced_under_an_archive(hub, tmp_path):
    for seed, folder in enumerate((tmp_path / "a", tmp_path / "out")):
        text = json.dumps(hostile(json.loads(make(folder, seed=seed).text()), name="features.npy"))
        next(folder.glob("features-*")).rename(folder / "features.npy")
        (folder / "manifest.json").write_text(text)
    push(hub, tmp_path / "a")
    before = contents(tmp_path / "out")
    with pytest.raises(ArchiveError, match=r"another file of this name.*features.npy.*new folder"):
        pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == before
    pull(hub, tmp_path / "new")
    assert sha256(tmp_path / "new/features.npy") == sha256(tmp_path / "a/features.npy")


def test_cancelled_between_files_and_continued(hub, tmp_path):
    make(tmp_path / "a")
    with pytest.raises(Cancelled, match=r"upload was cancelled.*as it was"):
        push(hub, tmp_path / "a", control=Recorder(1))
    assert not any(name.startswith("features") for name in hub.repositories[NAME].tree)
    push(hub, tmp_path / "a")
    with pytest.raises(Cancelled, match=r"download was cancelled.*is kept"):
        pull(hub, tmp_path / "out", control=Recorder(1))
    assert not (tmp_path / "out").exists()
    pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out").items() <= contents(tmp_path / "a").items()


def test_a_full_disk(hub, tmp_path, shared, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 200_000})())
        with pytest.raises(NoSpaceError, match="not enough space for the archive"):
            pull(hub, tmp_path / "out")
    assert not [path for path in asked(hub, "GET") if "/cdn/" in path]

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(store, "atomic_write", full)
        with pytest.raises(NoSpaceError, match="disk is full"):
            pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out").items() >= shared.items()
    pull(hub, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "a")
