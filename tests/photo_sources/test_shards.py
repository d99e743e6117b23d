"""Photos in zips and tars: the right bytes in order, from any thread, and nothing of what a hostile file tries."""

import gzip
import io
import json
import os
import stat
import struct
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.packed import TARS, contents, pack
from support.recorder import Recorder, cancelled

from reco_core.errors import ArchiveError, Cancelled, PhotoError
from reco_core.photo_sources import shards
from reco_core.photo_sources.factory import open_source


@pytest.fixture(scope="session")
def photos(photo_folder) -> dict[str, bytes]:
    """Six real photos by name."""
    return {file.name: file.read_bytes() for file in sorted(photo_folder.glob("*_[01].jpg"))[:6]}


@pytest.mark.parametrize("suffix", [".zip", *TARS])
def test_archive_files(suffix, photos, tmp_path):
    inner = {f"top/ž猫/{name}": data for name, data in photos.items()}
    extra = {
        "top/notes.md": b"-",
        "__MACOSX/top/._a.jpg": b"-",
        "top/.DS_Store.jpg": b"-",
        "../out.jpg": b"-",
        "/etc/root.jpg": b"-",
        "C:/win.jpg": b"-",
        "a\\..\\..\\b.jpg": b"-",
    }
    file = pack(tmp_path / f"photos{suffix}", {**extra, **inner})
    source = open_source(file)
    assert contents(source) == inner
    assert [r.file for r in source.records] == list(inner)
    assert contents(source) == inner, "it opens again"
    assert [source.read(i) for i in (5, 0, 3)] == [list(photos.values())[i] for i in (5, 0, 3)]
    assert [f.name for f in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_webdataset_shards(suffix, photos, tmp_path):
    names = list(photos)
    credits = [
        {
            "URL": "https://a/0",
            "License": "CC BY 4.0",
            "Creator": "Žofie",
            "caption": "a\tcat",
            "sha256": "AB" * 32,
            "width": 640,
            "height": 480.0,
            "landing_url": "https://a",
        },
        {"license": "CC BY-NC 2.0", "open_licence": True},
        {"license": "MIT", "open_licence": False},
    ]
    first = {
        f"0/{i:03d}.{kind}": data
        for i in range(3)
        for kind, data in (
            ("txt", b"from text"),
            ("json", json.dumps(credits[i]).encode()),
            ("left.jpg", photos[names[i]]),
        )
    }
    second = {
        "003.txt": "ein Häuschen\n".encode(),
        "003.JPG": photos[names[3]],
        "004.png": photos[names[4]],
        "004.json": b"[" * 100_000,
        "005.json": b'"no object"',
        "005.jpg": photos[names[5]],
        "005.txt": b"",
        "huge.json": b'{"title": "x"}' + b" " * 1_000_000,
        "huge.jpg": photos[names[0]],
    }
    pack(tmp_path / f"shard-b{suffix}", second)
    pack(tmp_path / f"shard-a{suffix}", first)
    (tmp_path / "stats.json").write_text("{}")
    source = open_source(tmp_path)
    assert list(contents(source)) == [
        *(f"shard-a{suffix}/0/{i:03d}.left.jpg" for i in range(3)),
        *(f"shard-b{suffix}/{name}" for name in ("003.JPG", "004.png", "005.jpg", "huge.jpg")),
    ]
    assert [source.read(i) for i in range(6)] == [photos[name] for name in names]
    r = source.records[0]
    assert (r.source_url, r.licence, r.author, r.title) == ("https://a/0", "CC BY 4.0", "Žofie", "a cat")
    assert (r.width, r.height, r.sha256, r.landing_url) == (640, 480, "AB" * 32, "https://a")
    assert [r.title for r in source.records[1:]] == ["from text", "from text", "ein Häuschen", "", "", "huge"]
    assert source.records[4].licence == "unknown"
    kept = open_source(tmp_path, open_only=True)
    assert list(contents(kept).values()) == [photos[name] for name in names[:2]]
    assert kept.key != source.key


@pytest.mark.parametrize("suffix", [".zip", ".tar.xz"])
def test_a_table_inside_gives_credits(suffix, photos, tmp_path):
    a, b = list(photos)[:2]
    lines = f"file\tlicence\tauthor\nin/{a}\tMIT\tAnn\nelsewhere.jpg\tCC0\tBob\n"
    members = {f"x/in/{a}": photos[a], f"x/in/{b}": photos[b], "x/manifest.tsv": lines.encode()}
    source = open_source(pack(tmp_path / f"photos{suffix}", members))
    assert [(r.file, r.licence, r.author) for r in source.records] == [
        (f"x/in/{a}", "MIT", "Ann"),
        (f"x/in/{b}", "unknown", ""),
    ]
    assert [r.author for r in open_source(tmp_path / f"photos{suffix}", open_only=True).records] == ["Ann"]


def test_links_and_devices_are_left_out(photos, tmp_path):
    name, data = next(iter(photos.items()))
    with tarfile.open(tmp_path / "a.tar", "w") as out:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            out.addfile(info)
        info = tarfile.TarInfo(name)
        info.size = len(data)
        out.addfile(info, io.BytesIO(data))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(link, "/etc/passwd")
        out.writestr(name, data)
    for suffix in ("tar", "zip"):
        assert contents(open_source(tmp_path / f"a.{suffix}")) == {name: data}


@pytest.mark.parametrize("suffix", [".zip", *TARS])
def test_what_is_cut_short_is_refused(suffix, photos, tmp_path):
    file = pack(tmp_path / f"photos{suffix}", photos)
    file.write_bytes(file.read_bytes()[: -file.stat().st_size // 3])
    with pytest.raises(ArchiveError, match=r"photos.* is damaged, or not what its name says.*Fetch or pack"):
        open_source(file)
    file.write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(ArchiveError, match="is damaged, or not what its name says"):
        open_source(file)


def test_bytes_that_changed_in_a_zip_are_noticed(photos, tmp_path):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as out:
        for name, data in photos.items():
            out.writestr(name, data)
    raw = bytearray(file.read_bytes())
    raw[5000] ^= 1
    file.write_bytes(raw)
    source = open_source(file)
    with pytest.raises(PhotoError, match="CRC"):
        source.read(0)
    assert source.read(1) == list(photos.values())[1]


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_bombs_are_refused(suffix, photos, tmp_path):
    name, data = next(iter(photos.items()))
    file = pack(tmp_path / f"bomb{suffix}", {"bomb.jpg": bytes(50_000_001), name: data, "bomb.json": bytes(50_000_001)})
    source = open_source(file)
    with pytest.raises(PhotoError, match=r"bomb.jpg is too large.*50000001 bytes.*at most 50000000"):
        source.read(0)
    assert source.read(1) == data


def test_a_zip_that_lies_about_a_size_stops_at_it(photos, tmp_path):
    file = pack(tmp_path / "bomb.zip", {"bomb.jpg": bytes(80_000_000)})
    raw = file.read_bytes().replace(struct.pack("<I", 80_000_000), struct.pack("<I", 1000))
    file.write_bytes(raw)
    with pytest.raises(PhotoError, match=r"bomb\.jpg cannot be read"):
        open_source(file).read(0)


def test_a_tar_that_lies_about_a_header_is_refused(tmp_path):
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.XHDTYPE, 60_000_000
    with gzip.open(tmp_path / "a.tar.gz", "wb") as out:
        out.write(info.tobuf() + bytes(60_001_280))
    with pytest.raises(ArchiveError, match=r"damaged.*a header of 600"):
        open_source(tmp_path / "a.tar.gz")
    info.type, info.size = tarfile.REGTYPE, -512
    (tmp_path / "b.tar").write_bytes(info.tobuf(format=tarfile.GNU_FORMAT) + bytes(10_240))
    with pytest.raises(ArchiveError, match=r"negative size|invalid offset"):  # as Python 3.11 or 3.12 puts it
        open_source(tmp_path / "b.tar")


def test_encrypted_and_unusual_zips(photos, tmp_path):
    file = tmp_path / "a.zip"
    name, data = next(iter(photos.items()))
    pack(file, {name: data, f"{name}.json": b"{}"})
    raw = bytearray(file.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag "encrypted" of every member
        at = raw.find(mark)
        while at >= 0:
            raw[at + offset] |= 1
            at = raw.find(mark, at + 1)
    file.write_bytes(raw)
    source = open_source(file)
    with pytest.raises(PhotoError, match=r"is encrypted.*password"):
        source.read(0)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as out:
        out.writestr(name, data)
    with pytest.raises(PhotoError, match=r"unusual way.*stored or deflated"):
        open_source(file).read(0)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_threads_read_at_once(suffix, photos, tmp_path):
    several = {f"{i:03d}.jpg": data + bytes([i]) for i, data in enumerate([*photos.values()] * 10)}
    for part in range(4):
        names = list(several)[part * 15 : part * 15 + 15]
        pack(tmp_path / f"{part}{suffix}", {name: several[name] for name in names})
    with open_source(tmp_path) as source, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(source.read, range(60))) == list(several.values())
        assert list(pool.map(source.read, reversed(range(60)))) == list(several.values())[::-1]


def test_a_compressed_tar_is_read_forward_once(photos, tmp_path, monkeypatch):
    several = {f"{i:04d}.jpg": data for i, data in enumerate([*photos.values()] * 10)}
    source = open_source(pack(tmp_path / "a.tar.gz", several))
    places: list[int] = []
    real = shards._at
    monkeypatch.setattr(shards, "_at", lambda stream, at, size: places.append(at) or real(stream, at, size))
    nearly = [i + (3 if i % 4 == 0 else -1) for i in range(60)]  # 3, 0, 1, 2, 7, 4, ...
    assert [source.read(i) for i in nearly] == [list(several.values())[i] for i in nearly]
    assert len(places) == 60
    assert places == sorted(places)
    monkeypatch.setattr(shards, "KEPT_BYTES", 200_000)
    assert source.read(59) == several["0059.jpg"]
    source.close()
    assert source.read(30) == several["0030.jpg"]
    (shard,) = source._open
    assert 0 < sum(map(len, shard.kept.values())) == shard.held <= 200_000
    assert source.read(2) == several["0002.jpg"], "from the beginning again"
    assert sum(map(len, shard.kept.values())) == shard.held


def test_few_shards_are_open_at_a_time(photos, tmp_path):
    data = next(iter(photos.values()))
    for part in range(9):
        pack(tmp_path / f"{part}.zip", {"a.jpg": data})
    source = open_source(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    assert len(contents(source)) == 9
    assert len(os.listdir("/proc/self/fd")) <= before
    for i in range(9):
        source.read(i)
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    source.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_listing_shards_tells_and_stops(photos, tmp_path):
    for part in range(3):
        pack(tmp_path / f"{part}.tar", photos)
    control = Recorder()
    open_source(tmp_path, control=control)
    assert control.reports == [("shards", 1, 3), ("shards", 2, 3), ("shards", 3, 3)]
    with pytest.raises(Cancelled):
        open_source(tmp_path, control=cancelled())


def test_closing_while_threads_read(photos, tmp_path):
    source = open_source(pack(tmp_path / "a.zip", photos))
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            source.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(disturb)
        try:
            assert [source.read(i % 6) for i in range(60)] == list(photos.values()) * 10
        finally:
            stop.set()
