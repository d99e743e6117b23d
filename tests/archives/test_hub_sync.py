"""Sharing archives: pushed to and pulled from a hub on loopback, through the hub's own client."""

import ast
import errno
import hashlib
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.hub_server import Hub, Repository
from support.recorder import Recorder
from support.web import cut, status

from reco_core.archives import hub_sync
from reco_core.archives import manifest as store
from reco_core.archives.records import write_records
from reco_core.errors import ArchiveError, Cancelled, DownloadError, NoSpaceError, OptionError
from reco_core.types import PhotoRecord
from reco_core.utils.hashing import sha256
from reco_core.utils.paths import bundled_folder

NAME, TOKEN = "someone/photos", "hf_owner"


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path, hurry):
    """No token of this machine, and Git LFS, which this hub knows, rather than Xet."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub():
    running = Hub()
    yield running
    running.shutdown()


def make(folder: Path, seed: int = 0, photos: int = 5) -> store.Manifest:
    """An archive whose vectors are noise; the typical ones are the same for all seeds."""
    noise = np.random.default_rng(seed)
    with store.changing(folder) as work:
        records = [
            PhotoRecord.of(
                {
                    "file": f"{i}.jpg",
                    "licence": "CC BY 4.0",
                    "author": f"{seed}-{i}",
                    "source_url": f"https://photos.example/{i}.jpg",
                }
            )
            for i in range(photos)
        ]
        write_records(records, np.zeros(photos, np.uint64), work / "photos.zip")
        for name, size in (("embeddings.npy", 30_000), ("features.npy", 300_000)):
            (work / name).write_bytes(b"\0" + noise.bytes(size))
        (work / "typical.safetensors").write_bytes(b"\0" * 1000)
        (work / "references.json").write_text(json.dumps({"seed": seed}))
        shared = store.name_by_contents(
            {"typical": work / "typical.safetensors", "references": work / "references.json"}
        )
        own = store.name_by_contents(
            {
                role: work / f"{role}.{'zip' if role == 'photos' else 'npy'}"
                for role in ("photos", "embeddings", "features")
            }
        )
        part = store.Part(photos, {role: file.path.name for role, file in own.items()}, "RQ4x8", {"CC BY 4.0": photos})
        manifest = store.Manifest(
            "mini", "ab" * 32, 8, (2, 2), (2, 2), (part,), {role: file.path.name for role, file in shared.items()}, {}
        )
        store.commit(folder, manifest, {file.path.name: file for file in (*own.values(), *shared.values())})
    return store.read_manifest(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def push(hub: Hub, folder: Path, **options) -> str:
    return hub_sync.push(folder, NAME, **{"endpoint": hub.endpoint, "token": TOKEN, **options})


def pull(hub: Hub, out: Path, **options) -> None:
    hub_sync.pull(NAME, out, **{"endpoint": hub.endpoint, **options})


def largest(folder: Path) -> bytes:
    return next(folder.glob("features-*")).read_bytes()


def asked(hub: Hub, *commands: str) -> list[str]:
    return [path for command, _, path, _ in hub.seen if command in commands]


def test_what_was_pushed_comes_back_byte_for_byte(hub, tmp_path):
    manifest, there, back = make(tmp_path / "a"), Recorder(), Recorder()
    (tmp_path / "a" / "notes.txt").write_text("private")
    (tmp_path / "a" / f"features-{'0' * 16}.npy").write_text("left by a killed program")
    address = push(hub, tmp_path / "a", control=there)
    repository = hub.repositories[NAME]
    assert address == f"{hub.endpoint}/datasets/{NAME}/commit/{repository.branches['main']}"
    assert len(repository.commits) == 2  # the hub's own, and ours
    assert set(repository.tree) == {*manifest.named, "manifest.json", "README.md", ".gitattributes"}
    pull(hub, tmp_path / "b", control=back)
    assert set(contents(tmp_path / "b")) == {*manifest.named, "manifest.json"}
    assert contents(tmp_path / "b").items() <= contents(tmp_path / "a").items()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", ".a.lock", ".b.lock"}
    total = sum(file.bytes for file in manifest.files.values())
    assert there.reports[-1] == ("bytes uploaded", total, total)
    assert back.reports[-1] == ("bytes downloaded", total, total)
    assert back.reports == sorted(back.reports)


def test_the_bundled_archive(hub, tmp_path):
    bundled = bundled_folder() / "archives" / "mini"
    push(hub, bundled)
    pull(hub, tmp_path / "mini")
    manifest = store.read_manifest(bundled)
    assert store.read_manifest(tmp_path / "mini").hash == manifest.hash
    assert not list(store.check(tmp_path / "mini", manifest, every_byte=True))
    assert "6,874 photos" in hub.repositories[NAME].tree["README.md"][0].decode()


def test_nothing_is_uploaded_twice_and_stale_files_go(hub, tmp_path):
    make(tmp_path / "a")
    first = push(hub, tmp_path / "a")
    uploaded, repository = list(hub.put), hub.repositories[NAME]
    assert len(uploaded) == len(set(uploaded)) == 4
    hub.seen.clear()
    assert push(hub, tmp_path / "a") == first
    assert not [path for path in asked(hub, "POST", "PUT") if "lfs" in path]  # large files are not even read
    assert (hub.put, len(repository.commits)) == (uploaded, 2)

    hub.add(NAME, {path: data for path, (data, _) in repository.tree.items()} | {"notes.txt": b"of its owner"})
    manifest = make(tmp_path / "a", seed=1, photos=7)
    push(hub, tmp_path / "a")
    assert len(repository.commits) == 4
    assert set(repository.tree) == {*manifest.named, "manifest.json", "README.md", ".gitattributes", "notes.txt"}
    assert len(hub.put) == 7  # not the typical vectors, which are as they were
    assert "7 photos" in repository.tree["README.md"][0].decode()
    pull(hub, tmp_path / "b")
    assert store.read_manifest(tmp_path / "b") == manifest


def test_a_damaged_archive_is_never_pushed(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHECKED_ON_OPENING", 0)
    make(tmp_path / "a")
    file = next((tmp_path / "a").glob("features-*"))
    file.write_bytes(largest(tmp_path / "a")[:-1] + b"!")
    with pytest.raises(ArchiveError, match=rf"{file.name} is damaged.*SHA-256 differs"):
        push(hub, tmp_path / "a")
    file.unlink()
    with pytest.raises(ArchiveError, match=rf"{file.name} is damaged.*missing"):
        push(hub, tmp_path / "a")
    with pytest.raises(ArchiveError, match="no archive here"):
        push(hub, tmp_path / "nowhere")
    assert not hub.seen


def test_an_archive_that_is_changed_while_it_is_pushed(hub, tmp_path):
    make(tmp_path / "a")
    hub.before[f"/api/datasets/{NAME}/revision/main"] = [lambda: make(tmp_path / "a", seed=1)]
    with pytest.raises(ArchiveError, match=r"changed while it was read.*Push it again"):
        push(hub, tmp_path / "a")
    assert set(hub.repositories[NAME].tree) == {".gitattributes"}
    push(hub, tmp_path / "a")
    pull(hub, tmp_path / "b")
    assert contents(tmp_path / "b") == contents(tmp_path / "a")


def test_private_means_private(hub, tmp_path):
    make(tmp_path / "a")
    push(hub, tmp_path / "a", private=True)
    assert hub.repositories[NAME].private
    with pytest.raises(DownloadError, match=r"no such dataset.*status 401.*hf auth login.*HF_TOKEN"):
        pull(hub, tmp_path / "b")
    pull(hub, tmp_path / "b", token=TOKEN)
    hub.repositories[NAME].private = False
    before = dict(hub.repositories[NAME].commits)
    make(tmp_path / "a", seed=1)
    with pytest.raises(OptionError, match="public already"):
        push(hub, tmp_path / "a", private=True)
    assert hub.repositories[NAME].commits == before


def test_the_token_goes_to_the_hub_alone(hub, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    make(tmp_path / "a")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    push(hub, tmp_path / "a", private=True, token=None)
    hub.seen.clear()
    pull(hub, tmp_path / "b")
    told = {(host, authorization) for _, host, _, authorization in hub.seen}
    assert told == {("127.0.0.1", f"Bearer {TOKEN}"), ("localhost", "")}
    assert TOKEN not in caplog.text


def test_somebody_else_pushed_in_between(hub, tmp_path):
    make(tmp_path / "a")
    push(hub, tmp_path / "a")
    make(tmp_path / "a", seed=1)
    hub.before[f"/api/datasets/{NAME}/commit/main"] = [lambda: hub.add(NAME, {"theirs.txt": b"theirs"})]
    with pytest.raises(DownloadError, match=r"changed meanwhile.*Try again"):
        push(hub, tmp_path / "a")
    assert set(hub.repositories[NAME].tree) == {"theirs.txt"}


def test_an_upload_that_is_turned_away(hub, tmp_path):
    make(tmp_path / "a")
    hub.full = True
    with pytest.raises(DownloadError, match=r"does not permit this.*status 403 Your storage is used up"):
        push(hub, tmp_path / "a")
    assert set(hub.repositories[NAME].tree) == {".gitattributes"}


@pytest.mark.parametrize("token", [None, "hf_of_somebody_else"])
def test_who_may_not_push_is_told_so(hub, tmp_path, token, caplog):
    hub.echo = True
    make(tmp_path / "a")
    with pytest.raises(DownloadError, match=r"does not permit this.*status 401.*hf auth login.*HF_TOKEN") as caught:
        push(hub, tmp_path / "a", token=token)
    hub.add(NAME, {"theirs.txt": b"theirs"})
    with pytest.raises(DownloadError, match=r"does not permit this.*status 40[13].*hf auth login.*HF_TOKEN") as again:
        push(hub, tmp_path / "a", token=token)
    for text in (str(caught.value), str(again.value), caplog.text):
        assert "hf_of_somebody_else" not in text
    assert not hub.put


def test_who_may_not_pull_is_told_so(hub, tmp_path):
    for token, code in ((None, 401), (TOKEN, 404)):
        with pytest.raises(DownloadError, match=rf"no such dataset.*status {code}.*hf auth login.*HF_TOKEN"):
            pull(hub, tmp_path / "b", token=token)
    hub.add(NAME, {"manifest.json": b"{}"}).gated = True
    with pytest.raises(DownloadError, match=r"must be asked for.*hf auth login.*HF_TOKEN"):
        pull(hub, tmp_path / "b")
    hub.repositories["someone/else"] = Repository(private=True)
    with pytest.raises(DownloadError, match=r"no such dataset"):
        hub_sync.pull("someone/else", tmp_path / "b", endpoint=hub.endpoint, token="hf_wrong")
    assert not any(tmp_path.iterdir())


def test_no_hub(hub, tmp_path, monkeypatch):
    make(tmp_path / "a")
    hub.shutdown()
    hub.server_close()
    for act in (push, pull):
        with pytest.raises(DownloadError, match=r"cannot be reached.*someone/photos.*Check the network"):
            act(hub, tmp_path / "a")
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()  # it knows only when it is made
    for act in (push, pull):
        with pytest.raises(DownloadError, match=r"switched off.*HF_HUB_OFFLINE"):
            act(hub, tmp_path / "a")
    close_session()


@pytest.mark.parametrize(
    "name",
    [
        "photos",
        "a/b/c",
        "someone/ph otos",
        "../photos",
        "someone/..",
        "",
        "https://x/y",
        "someone/photos?x",
        "someone/photos.git",
    ],
)
def test_names_are_checked_before_anything_is_asked(hub, tmp_path, name):
    make(tmp_path / "a")
    with pytest.raises(OptionError, match="OWNER/NAME"):
        hub_sync.push(tmp_path / "a", name, token=TOKEN, endpoint=hub.endpoint)
    with pytest.raises(OptionError, match="OWNER/NAME"):
        hub_sync.pull(name, tmp_path / "b", endpoint=hub.endpoint)
    assert not hub.seen


def test_a_token_that_cannot_be_sent_is_not_shown(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_s\x01ret")
    for token in ("hf_s\nret", None):
        with pytest.raises(OptionError, match="characters") as caught:
            pull(hub, tmp_path / "b", token=token)
        assert "ret" not in str(caught.value)
    assert not hub.seen


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


@pytest.mark.parametrize("file", ["hub_sync.py", "hub_card.py"])
def test_the_hub_is_imported_when_it_is_needed(file):
    """It takes its time."""
    top = ast.parse((bundled_folder() / "reco_core" / "archives" / file).read_text()).body
    imported = {getattr(node, "module", None) or "" for node in top}
    imported |= {alias.name for node in top for alias in getattr(node, "names", [])}
    assert not [name for name in imported if name.startswith("huggingface_hub")]


def test_the_server_is_as_strict_as_the_hub(hub):
    """An upload under a wrong name is refused, or the tests above would show little."""
    import httpx

    oid = hashlib.sha256(b"right").hexdigest()
    assert httpx.put(f"{hub.endpoint}/lfs/{oid}", content=b"wrong").status_code == 400
    assert not hub.put
