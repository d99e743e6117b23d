"""Photos that tables name, by file or address."""

import pytest
from support import web as server
from support.packed import contents, table
from support.recorder import Recorder, cancelled

from reco_core.errors import ArchiveError, Cancelled, PhotoError
from reco_core.photo_sources import fetch
from reco_core.photo_sources.factory import open_source
from reco_core.utils.hashing import sha256


@pytest.fixture(scope="session")
def photos(photo_folder) -> dict[str, bytes]:
    """Six real photos by name."""
    return {file.name: file.read_bytes() for file in sorted(photo_folder.glob("*_[01].jpg"))[:6]}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_tables_of_files(suffix, photos, tmp_path):
    (tmp_path / "in").mkdir()
    names = list(photos)
    for name, data in photos.items():
        (tmp_path / "in" / f"ž {name}").write_bytes(data)
    rows: list[dict[str, object]] = [
        {
            "Image-Path": f"in/ž {name}",
            "License": "CC BY 4.0" if i % 2 else "research",
            "Width": 640,
            "Author": 'A, "B"\n"C"',
        }
        for i, name in enumerate(names)
    ]
    source = open_source(table(tmp_path / f"t{suffix}", rows))
    assert contents(source) == {f"in/ž {name}": photos[name] for name in names}
    r = source.records[1]
    assert (r.licence, r.width, r.author, r.licence_scope, r.title) == (
        "CC BY 4.0",
        640,
        'A, "B" "C"',
        "photo",
        "ž astronaut",  # of "ž astronaut_1.jpg"
    )
    assert len(open_source(tmp_path / f"t{suffix}", open_only=True).records) == 3


def test_absolute_paths_of_a_table_stay_private(photos, tmp_path):
    a, b, c = list(photos)[:3]
    for place in ("one/x", "two", "here"):
        (tmp_path / place).mkdir(parents=True)
    files = [tmp_path / "one/x" / a, tmp_path / "two" / b, tmp_path / "here" / c]
    for file in files:
        file.write_bytes(photos[file.name])
    source = open_source(table(tmp_path / "here/t.csv", [{"path": file} for file in files]))
    assert contents(source) == {f"one/x/{a}": photos[a], f"two/{b}": photos[b], c: photos[c]}


def test_spreadsheets_of_other_countries(photos, tmp_path):
    name, data = next(iter(photos.items()))
    (tmp_path / name).write_bytes(data)
    (tmp_path / "t.csv").write_bytes(f"\ufeffFile;Title\r\n{name};eins, zwei\r\n".encode())
    assert open_source(tmp_path / "t.csv").records[0].title == "eins, zwei"
    (tmp_path / "t.csv").write_text(f"file, title\n{name}, one\n")
    assert open_source(tmp_path / "t.csv").records[0].title == "one"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.csv", b"", r"is empty.*header"),
        ("t.csv", b"file,licence\n", "no photos in this source"),
        ("t.csv", b"photo,licence\na.jpg,MIT\n", r"does not say where.*photo, licence.*file, path, .*url, .*Rename"),
        ("t.csv", b"file\na\0b.jpg\n", r"damaged.*after row 0: a NUL byte"),
        ("t.csv", b"file,title\na.jpg,x\nb.jpg," + b"x" * 200_000, r"damaged.*after row 1.*field larger.*131072"),
        ("t.csv", b"file\ncaf\x81.jpg\n", r"not readable as text.*UTF-8, UTF-16 or Windows-1252"),
        ("t.csv", b"file\nC:\\photos\\a.jpg\n", r"none of the photos.*C:/photos/a.jpg.*Windows computer"),
        ("t.csv", b"file\n..\\..\\secret.jpg\n", r"leaves the folder.*secret.jpg"),
        ("t.csv", b"file\n../../secret.jpg\n", r"leaves the folder.*secret.jpg"),
        ("t.csv", b"file\na/../../secret.jpg\n", r"leaves the folder.*secret.jpg"),
        ("t.csv", b"file\nnone.jpg\n", r"none of the photos.*none.jpg.*relative paths start"),
        ("t.csv", b"file\n" + b"x" * 5000, "none of the photos"),
        ("t.csv", b"url\nhttp://[broken\n", "no photos in this source"),
        ("t.tsv", b"a\tb\n", "does not say where"),
        ("t.parquet", b"PAR1 no", "damaged.*Parquet"),
    ],
)
def test_bad_tables(name, data, message, tmp_path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ArchiveError, match=message):
        open_source(tmp_path / name)


def test_one_missing_file_of_a_table_is_a_photo_error(photos, tmp_path):
    name, data = next(iter(photos.items()))
    (tmp_path / name).write_bytes(data)
    source = open_source(table(tmp_path / "t.csv", [{"file": "gone.jpg"}, {"file": name}]))
    with pytest.raises(PhotoError, match="does not exist"):
        source.read(0)
    assert source.read(1) == data


def test_a_parquet_of_pixels_says_how_to_read_it(tmp_path):
    table(tmp_path / "t.parquet", [{"image": {"bytes": b"x", "path": "a"}, "caption": "c"}])
    with pytest.raises(ArchiveError, match="hf:FOLDER"):
        open_source(tmp_path / "t.parquet")


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_of_addresses(suffix, web, photos, tmp_path):
    rows: list[dict[str, object]] = []
    for i, (name, data) in enumerate(photos.items()):
        web.files[f"/p/{name}"] = data
        rows.append({"url": web.url(f"/p/{name}"), "license": "MIT" if i else "research", "creator": "Ann"})
    gone = web.url("/p/gone.jpg")
    file = table(tmp_path / f"t{suffix}", [*rows[:2], {"url": gone, "license": "MIT", "creator": ""}, *rows[2:]])
    control = Recorder()
    source = open_source(file, cache=tmp_path / "cache", control=control)
    assert list(contents(source).values()) == list(photos.values())
    assert [r.source_url for r in source.records] == [row["url"] for row in rows]
    assert [r.file for r in source.records] == [f"{i:08d}.jpg" for i in (1, 2, 4, 5, 6, 7)]
    assert {(r.author, r.licence) for r in source.records[1:]} == {("Ann", "MIT")}
    assert control.reports == [("photos", i, 7) for i in range(1, 8)]
    assert (tmp_path / "cache" / sha256(file)[:16] / "manifest.tsv").is_file()
    web.asked.clear()
    again = open_source(file, cache=tmp_path / "cache")
    assert set(web.asked) == {"/p/gone.jpg"}, "what is here is not asked for"
    assert again.key == source.key
    web.asked.clear()
    assert len(open_source(file, cache=tmp_path / "other", open_only=True).records) == 5
    assert f"/p/{next(iter(photos))}" not in web.asked


@pytest.mark.usefixtures("hurry")
def test_a_file_goes_before_its_address(web, photos, tmp_path):
    (a, here), (b, there), *_ = photos.items()
    web.files["/b"] = there
    (tmp_path / a).write_bytes(here)
    rows: list[dict[str, object]] = [{"file": name, "url": web.url("/b"), "sha256": ""} for name in (a, f"sub/{b}")]
    rows.append({"file": web.url("/b"), "url": "", "sha256": ""})
    rows.append({"file": "", "url": "", "sha256": ""})
    source = open_source(table(tmp_path / "t.csv", rows), cache=tmp_path / "cache")
    assert contents(source) == {a: here, f"sub/{b}": there, "00000003.jpg": there}
    assert {r.source_url for r in source.records} == {web.url("/b")}


@pytest.mark.usefixtures("hurry")
def test_addresses_that_fail(web, tmp_path):
    rows: list[dict[str, object]] = [{"url": web.url(f"/{i}")} for i in range(3)]
    with pytest.raises(ArchiveError, match=r"none of the photos.*status 404"):
        open_source(table(tmp_path / "t.csv", rows), cache=tmp_path)
    web.files["/0"] = bytes(fetch.MOST_BYTES + 1)
    with pytest.raises(ArchiveError, match="larger than expected"):
        open_source(table(tmp_path / "t.csv", rows[:1]), cache=tmp_path)
    web.files["/1"], web.faults["/1"] = b"x" * 100, [server.cut(10)]
    assert contents(open_source(table(tmp_path / "t.csv", rows[1:2]), cache=tmp_path)) == {"00000001.jpg": b"x" * 100}
    with pytest.raises(Cancelled):
        open_source(table(tmp_path / "t.csv", rows), cache=tmp_path, control=cancelled())
