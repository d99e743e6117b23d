"""What people drop: bounds on all that a zip can do."""

import struct
import zipfile
from pathlib import Path

import pytest
from support.photos import dot, huge_png, zipped

from reco_app.clients import Refused
from reco_app.limits import Limits
from reco_app.visitor.uploads import Uploads
from reco_app.visitor.user_photos import UserPhotos
from reco_core.errors import ArchiveError
from reco_core.types import LeftOut


def test_zips_are_bounded(tmp_path, cup_photos):
    bomb = zipped(tmp_path / "bomb.zip", {"a.jpg": b"\0" * 120_000_000})
    with pytest.raises(ArchiveError, match=r"bomb.zip is too large. Given: 120 MB unpacked"):
        Uploads([str(bomb)])
    lying = tmp_path / "lying.zip"
    lying.write_bytes(bomb.read_bytes().replace(struct.pack("<I", 120_000_000), struct.pack("<I", 50_000)))
    assert [entry.reason.partition(":")[0] for entry in Uploads([str(lying)]) if isinstance(entry, LeftOut)] == [
        "damaged"
    ]
    many = zipped(tmp_path / "many.zip", {f"{i}.txt": b"" for i in range(1001)})
    with pytest.raises(ArchiveError, match=r"too large.*1,001 files"):
        Uploads([str(many)])
    good = zipped(
        tmp_path / "good.zip",
        {
            "trip/one.JPG": cup_photos[0].read_bytes(),
            "trip/notes.txt": b"x",
            "__MACOSX/trip/._one.jpg": b"x",
            "trip/broken.png": b"\x89PNG",
            "trip/../../up.jpg": cup_photos[1].read_bytes(),
        },
    )
    mine = UserPhotos()
    count, left_out = mine.add(Uploads([str(good), str(dot(tmp_path / "dot.png"))]))
    assert count == 1
    assert {entry.file for entry in left_out} == {"notes.txt", "broken.png", "dot.png"}


def test_what_is_gone_is_said_without_a_path(tmp_path):
    gone = Uploads([str(tmp_path / "gone.jpg")])
    said = LeftOut("gone.jpg", "damaged: No such file or directory")
    assert list(gone) == list(gone.originals()) == [said]


def overlapping(file: Path, data: bytes, count: int) -> Path:
    """A zip whose entries are all one and the same bytes."""
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("0.png", data)
        first = out.infolist()[0]
        for i in range(1, count):
            again = zipfile.ZipInfo(f"{i}.png")
            for field in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
                setattr(again, field, getattr(first, field))
            out.filelist.append(again)
    return file


def test_a_zip_of_large_photos_is_refused_before_any_is_read(tmp_path):
    """Each is allowed, all of them would take an hour."""
    png = huge_png(tmp_path / "big.png", 7000).read_bytes()
    file = zipped(tmp_path / "many.zip", {f"{i}.png": png for i in range(90)})
    assert file.stat().st_size < 200_000
    with pytest.raises(
        ArchiveError, match=r"many.zip are too many or too large. Given: 2,\d\d\d megapixels. Expected: at most"
    ):
        Uploads([str(file)])
    assert len(Uploads([str(file)], Limits(pixels=10**10))) == 90


def test_entries_that_overlap_are_refused(tmp_path, cup_photos):
    data = cup_photos[0].read_bytes()
    with pytest.raises(ArchiveError, match=r"the files in same.zip overlap"):
        Uploads([str(overlapping(tmp_path / "same.zip", data, 50))])
    assert len(Uploads([str(overlapping(tmp_path / "one.zip", data, 1))])) == 1


def test_photos_have_so_many_pixels_and_seconds_in_all(tmp_path, cup_photos):
    few = Limits(pixels=3 * 300 * 300)
    with pytest.raises(Refused, match=r"more than 0 megapixels in all\. Give fewer"):
        list(Uploads(list(map(str, cup_photos)), few))
    mine = UserPhotos(few)
    with pytest.raises(Refused):
        mine.add(Uploads(list(map(str, cup_photos)), few))
    assert mine.photos == () and not list((mine.folder / "photos").glob("*"))
    with pytest.raises(Refused, match="longer than the 0 seconds"):
        list(Uploads([str(cup_photos[0])], Limits(photos_seconds=0)))
