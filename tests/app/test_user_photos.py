"""A visitor's photos: kept within bounds, learned from, removed, and gone with their owner."""

import gc
import threading

import numpy as np
import pytest
import skimage.data
from PIL import Image
from support.photos import packed, pattern

from reco_app.components.archive_photos import ArchivePhotos
from reco_app.limits import Limits
from reco_app.preset_pool import PresetPool
from reco_app.visitor.uploads import Uploads
from reco_app.visitor.user_photos import UserPhotos, shrink, with_user_photos
from reco_core.errors import Cancelled, NamesError, OptionError


def test_a_taught_name_is_found_and_the_shared_archive_stays_as_it_is(user_photos, reco):
    used = with_user_photos(reco, user_photos)
    taught = used.concepts(("ZORBL", "cat"))
    assert list(taught) == ["ZORBL"]
    assert all(used.user_rows.has(exemplar.row) for exemplar in taught["ZORBL"].exemplars)
    record = taught["ZORBL"].exemplars[0].record
    assert (record.title, record.author, record.licence) == ("Zorbl", "you", "yours, not published")
    presence = {}
    for name, photo in (("cup", skimage.data.coffee()), ("cat", skimage.data.chelsea())):
        references = used.reco.prepare(["ZORBL"], method="reco2", taught=list(taught.values()))
        presence[name] = used.reco.segment(photo, references, method="reco2").presence[0]
    assert presence["cup"] > 0.7
    assert presence["cat"] < 0.3
    assert with_user_photos(reco, user_photos) is used  # with all that it learned
    assert len(reco.archive) + 5 == len(used.reco.archive)
    assert not reco.prepare(["zorbl"], method="reco2", background=()).concepts[0].in_archive
    assert [used.user_rows.has(hit.row) for hit in used.search("zorbl", None, 5)].count(True) >= 4


def test_photos_without_a_name_are_called_as_their_files(cup_photos, reco, tmp_path):
    """They teach nothing by themselves, but titles count; a name that they are given goes first."""
    mine, files = UserPhotos(), [tmp_path / f"red_zorblatt-{i}.jpg" for i in range(4)] + [tmp_path / "IMG_0001.jpg"]
    for photo, file in zip(cup_photos, files, strict=True):
        file.write_bytes(photo.read_bytes())
    mine.add(Uploads(list(map(str, files))))
    assert [photo.title for photo in mine.photos] == ["red zorblatt"] * 4 + [""]
    assert mine.names == {}
    used = with_user_photos(reco, mine)
    assert used.concepts(("red zorblatt", "zorblatt")) == {}
    (concept,) = used.reco.prepare(["zorblatts"], method="reco2+titles", background=()).concepts
    assert [(e.why, e.record.title, used.user_rows.has(e.row)) for e in concept.exemplars] == [
        ("title", "red zorblatt", True)
    ] * 4
    found = used.search("Zorblatt", None, 20)
    assert sum(hit.why == "title" and hit.record.title == "red zorblatt" for hit in found) == 4
    assert {hit.why for hit in used.search("Zorblatt", skimage.data.coffee(), 20)} == {"looks"}
    mine.add(Uploads([str(files[0])]), "blorp")
    assert list(with_user_photos(reco, mine).concepts(("blorp", "red zorblatt"))) == ["blorp"]


def test_names_are_joined_and_photos_known_twice_may_get_one(user_photos, cup_photos, reco):
    cat, rocket = (
        shrink(name, packed(photo))
        for name, photo in (("cat", skimage.data.chelsea()), ("rocket", skimage.data.rocket()))
    )
    assert user_photos.add([cat]) == (1, [])
    assert user_photos.names == {"Zorbl": 5}
    assert user_photos.add([cat, rocket], "zorbl") == (2, [])  # the cat had no name
    assert user_photos.names == {"Zorbl": 7}
    count, left_out = user_photos.add(Uploads([str(cup_photos[0])]), "blorp")
    assert count == 0
    assert "looks the same" in left_out[0].reason
    assert len(with_user_photos(reco, user_photos).concepts(("zorbl",))["zorbl"].exemplars) == 7
    for wrong, error in (("a, b", OptionError), ("!", NamesError)):
        with pytest.raises(error):
            user_photos.add([rocket], wrong)


def test_photos_are_kept_small_and_the_removed_are_gone(user_photos, reco):
    user_photos.add([shrink("wide", packed(np.tile(skimage.data.chelsea(), (3, 4, 1))))])
    wide = user_photos.photos[-1]
    assert min(Image.open(user_photos.path(wide)).size) == 448
    archive = with_user_photos(reco, user_photos)
    before, shown = archive.user_rows, ArchivePhotos(PresetPool(lambda name: reco, "mini"), None)
    exemplar = archive.concepts(("zorbl",))["zorbl"].exemplars[1]
    assert user_photos.remove(lambda photo: photo.name == "Zorbl") == 5
    assert [file.name for file in (user_photos.folder / "photos").iterdir()] == [wide.file]
    assert with_user_photos(reco, user_photos).concepts(("zorbl",)) == {}
    tile = shown.tile("", exemplar, before)  # an answer from before has only what the model sees
    assert tile.photo == ""
    assert tile.stand_in.startswith("data:image/jpeg;base64,")
    user_photos.remove(lambda photo: True)
    assert not (user_photos.folder / "archives").exists()
    assert with_user_photos(reco, user_photos).reco is reco


def test_bounds_keep_what_was_there(user_photos):
    before = user_photos.photos
    user_photos.limits = Limits(user_photos=7)
    with pytest.raises(OptionError, match=r"too many photos.*Nothing was added"):
        user_photos.add(map(pattern, range(3)))
    user_photos.limits = Limits(user_bytes=sum(photo.size for photo in before) + 10)
    with pytest.raises(OptionError, match="too many photos"):
        user_photos.add([pattern(1)])
    assert user_photos.photos == before
    assert len(list((user_photos.folder / "photos").iterdir())) == 5


def test_cancelling_keeps_what_was_there(user_photos, reco):
    before = user_photos.photos

    def cancelled_while_reading():
        yield pattern(1)
        user_photos.cancel()
        yield pattern(2)

    def learn():
        user_photos.cancel()
        with_user_photos(reco, user_photos)

    with pytest.raises(Cancelled):
        user_photos.add(cancelled_while_reading())
    with pytest.raises(Cancelled):
        user_photos.add([pattern(3)], learn=learn)
    assert user_photos.photos == before
    user_photos.cancel()  # while it waits for its turn
    with pytest.raises(Cancelled):
        user_photos.add([pattern(4)])
    assert user_photos.photos == before
    user_photos.cancel()  # when there was nothing left to cancel
    user_photos.resume()
    assert user_photos.add([pattern(4)], learn=lambda: with_user_photos(reco, user_photos)) == (1, [])


def test_two_changes_at_once_are_refused(user_photos):
    began, go_on = threading.Event(), threading.Event()

    def slow():
        began.set()
        go_on.wait(10)
        yield pattern(1)

    adding = threading.Thread(target=user_photos.add, args=(slow(),))
    adding.start()
    began.wait(10)
    with pytest.raises(OptionError, match="being changed already"):
        user_photos.remove(lambda photo: True)
    go_on.set()
    adding.join()
    assert len(user_photos.photos) == 6


def test_folders_go_with_their_owners(cup_photos):
    folders = []
    for how in (UserPhotos.close, lambda photos: None):
        mine = UserPhotos()
        mine.add(Uploads([str(cup_photos[0])]))
        folders.append(mine.folder)
        assert mine.folder.stat().st_mode & 0o77 == 0  # nobody else's on this machine
        how(mine)
        del mine
    gc.collect()
    assert not any(folder.exists() for folder in folders)
