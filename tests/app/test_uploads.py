"""What people drop: bounds on all that a zip can do."""

import struct

import pytest
from support.photos import dot, zipped

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
