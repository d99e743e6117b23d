"""A run on tiny labelled sets of real photos, with the bundled model, against figures computed another way."""

import json
import weakref
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image
from support.labelled import three, without_seconds, write_folder
from support.recorder import Recorder, cancelled

from reco_core.datasets.folder import open_folder
from reco_core.errors import Cancelled, DatasetError, NamesError, OptionError
from reco_core.evaluation import bench
from reco_core.evaluation.report import unpack
from reco_core.evaluation.settings import FORMAT, fingerprint
from reco_core.evaluation.variants import PARTS, Variant, ablation, left_out, of_methods
from reco_core.methods import BACKGROUND_WORDS, METHODS, find_method
from reco_core.types import MAX_LABELS
from reco_core.utils.images import read_photo
from reco_core.utils.run_control import RunControl

NAMES = ("denseclip", "reco", "reco2")


@pytest.fixture(scope="module")
def folder(real_photos, tmp_path_factory):
    return three(real_photos, tmp_path_factory.mktemp("bench") / "three")


@pytest.fixture(scope="module")
def control() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def report(reco, folder, control):
    return bench.run(reco, open_folder(folder), of_methods(NAMES), control=control)


def naive_scores(truths, predictions, classes):
    """Accuracy, and IoU by class, of label maps; -1 is not counted."""
    truth, predicted = (np.concatenate([m.ravel() for m in maps]) for maps in (truths, predictions))
    predicted, truth = predicted[truth >= 0], truth[truth >= 0]
    unions = [((truth == c) | (predicted == c)).sum() for c in range(classes)]
    hits = [((truth == c) & (predicted == c)).sum() for c in range(classes)]
    return (truth == predicted).mean(), [h / u if u else None for h, u in zip(hits, unions, strict=True)]


def test_report(report, control):
    assert control.reports == [(stage, done, 3) for stage in ("variants learned", "photos") for done in (1, 2, 3)]
    assert set(report) == {"methods", "presence", "settings", "machine", "photos", "per_photo"}
    assert list(report["methods"]) == list(NAMES) and report["photos"] == 3
    assert report["per_photo"]["photos"] == ["cat", "coffee", "motorcycle"]
    for row in report["methods"].values():
        assert list(row["per_class"]) == ["background", "cat", "cup", "motorbike"]
        assert row["miou"] == pytest.approx(np.mean(list(row["per_class"].values())), abs=1e-3)
        for what in ("miou", "accuracy"):
            low, high = row[f"{what}_interval"]
            assert 0 <= low <= row[what] <= high <= 1 and low < high
        assert 0 < row["seconds_per_photo"] < 60
    assert report["methods"]["reco2"]["miou"] > 0.4
    assert json.loads(json.dumps(report, allow_nan=False)) == report, "it is plain data"


def test_settings_name_what_figures_depend_on(reco, report):
    found = report["settings"]
    assert found["format"] == FORMAT and (found["data"], found["protocol"]) == ("three", "with_background")
    assert found["words"] == {"cat": "cat", "cup": "cup", "motorbike": "motorbike"}
    assert found["labels"] == {"0": "background", "1": "cat", "2": "cup", "3": "motorbike"}
    assert found["background"] == list(BACKGROUND_WORDS) and len(found["context"]) == 5
    assert (found["preset"], found["weights"], found["archive"]) == ("mini", reco.encoder.hash, reco.archive.hash)
    assert found["templates"] == list(reco.encoder.preset.templates) and found["margin"] == reco.encoder.preset.margin
    assert (found["k"], found["seed"], found["side"], found["presence_of"]) == (20, 0, 0, "reco2")
    assert (found["precision"], found["device"]) == ("float32", "cpu")
    reco_row = found["variants"]["reco"]
    assert (reco_row["k"], reco_row["share"]) == (20, 1.0)
    assert reco_row["learning"] == asdict(METHODS["reco"].learning)
    assert reco_row["scoring"] == asdict(METHODS["reco"].scoring)
    assert set(report["machine"]) >= {"cpu", "cores", "threads", "torch", "python", "gpu"}


@pytest.mark.parametrize("name", ["denseclip", "reco2"])
def test_scores_are_those_of_the_masks(reco, folder, report, name):
    references = reco.prepare(["cat", "cup", "motorbike"], method=name)
    truths, predictions = [], []
    for stem in ("cat", "coffee", "motorcycle"):
        values = np.asarray(Image.open(folder / "labels" / f"{stem}.png")).astype(int)
        truths.append(np.where(values == 255, -1, values))
        predictions.append(reco.segment(read_photo(folder / "images" / f"{stem}.jpg"), references, method=name).labels)
    accuracy, ious = naive_scores(truths, predictions, 4)
    row = report["methods"][name]
    assert row["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert list(row["per_class"].values()) == pytest.approx(ious, abs=1e-4)
    assert row["miou"] == pytest.approx(np.mean(ious), abs=1e-4)
    counts = unpack(report["per_photo"], name, 4)
    for photo, (truth, predicted) in enumerate(zip(truths, predictions, strict=True)):
        for c in range(4):
            expected = [(truth == c)[predicted == c].sum(), (truth == c).sum(), (predicted == c)[truth >= 0].sum()]
            assert counts[photo, c].tolist() == expected


def test_objects_only_counts_object_pixels_alone(reco, folder):
    found = bench.run(reco, open_folder(folder, "objects_only"), of_methods(("reco2",)), limit=1)
    assert set(found["methods"]["reco2"]["per_class"]) == {"cat", "cup", "motorbike"}
    assert (found["settings"]["background"], found["photos"]) == ([], 1)
    assert found["per_photo"]["truth"] == [[0, 90 * 135]]
    assert found["methods"]["reco2"]["accuracy"] > 0.9
    assert found["methods"]["reco2"]["miou"] is not None


def test_sparse_label_values_and_shared_words(reco, tmp_path, cat):
    truth = np.full(cat.shape[:2], 200, np.uint8)
    truth[:20] = 0
    truth[20:40] = 7
    meta = {"classes": {"0": "unlabeled", "7": "wall-other-merged", "90": "wall", "200": "cat"}}
    data = open_folder(write_folder(tmp_path / "sparse", {"a": cat}, {"a": truth}, meta))
    assert data.classes == ("wall-other-merged", "wall", "cat") and data.words == ("wall", "cat")
    found = bench.run(reco, data, of_methods(("denseclip",)))
    assert found["methods"]["denseclip"]["per_class"]["wall"] is None  # its word went to the first of the two
    assert found["per_photo"]["truth"] == [[0, 20 * cat.shape[1], 2, (len(cat) - 40) * cat.shape[1]]]
    assert set(found["presence"]["per_class"]) == {"wall-other-merged", "cat"}


def test_truth_rows(tmp_path, cat):
    meta = {"classes": {"3": "other", "7": "wall", "9": "cat"}, "background": 3, "ignore": 255}
    folder = write_folder(tmp_path / "x", {"a": cat}, {"a": np.zeros(cat.shape[:2], np.uint8)}, meta)
    values = np.array([[3, 7], [9, 255]], np.uint8)
    assert open_folder(folder).rows_of(values).tolist() == [[0, 1], [2, -1]]
    assert open_folder(folder, "objects_only").rows_of(values).tolist() == [[-1, 0], [1, -1]]


def test_more_classes_than_a_user_may_type(reco):
    words = tuple(f"thing {i}" for i in range(60))
    options = {"k": 1, "method": "reco_no_lgc_ce", "background": ("sky",)}
    assert reco.prepare(words, most=MAX_LABELS, **options).names == words
    with pytest.raises(NamesError, match=r"too many names.*60.*at most 50"):
        reco.prepare(words, **options)
    with pytest.raises(NamesError, match="at most 255"):
        reco.prepare([f"thing {i}" for i in range(256)], most=1000, **options)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "meta.json").unlink(), "no benchmark folder"),
        (lambda f: (f / "meta.json").write_text("{"), "meta.json cannot be used"),
        (lambda f: (f / "meta.json").write_text("{}"), "meta.json cannot be used"),
        (lambda f: (f / "meta.json").write_text('{"classes": {"a": "cat"}}'), "meta.json cannot be used"),
        (lambda f: (f / "meta.json").write_text('{"classes": ["cat", "cat"]}'), "no two of the same name"),
        (lambda f: (f / "meta.json").write_text('{"classes": ["sky"], "background": 0}'), "needs classes"),
        (lambda f: (f / "labels" / "a.png").unlink(), "labels are missing"),
        (lambda f: (f / "images" / "a.jpg").unlink(), "photos or labels are missing"),
    ],
)
def test_wrong_folders_are_explained(tmp_path, cat, change, says):
    folder = write_folder(tmp_path / "x", {"a": cat}, {"a": np.zeros(cat.shape[:2], np.uint8)}, {"classes": ["cat"]})
    assert open_folder(folder).classes == ("cat",)
    change(folder)
    with pytest.raises(DatasetError, match=says):
        open_folder(folder)


def test_label_of_another_size_is_explained(reco, tmp_path, cat):
    folder = write_folder(tmp_path / "x", {"a": cat}, {"a": np.zeros((9, 9), np.uint8)}, {"classes": ["cat"]})
    with pytest.raises(DatasetError, match=r"does not fit its photo.*a: \(9, 9\)"):
        bench.run(reco, open_folder(folder), of_methods(("denseclip",)))


def test_protocol_that_does_not_fit(tmp_path, cat):
    folder = write_folder(tmp_path / "x", {"a": cat}, {"a": np.zeros(cat.shape[:2], np.uint8)}, {"classes": ["cat"]})
    with pytest.raises(OptionError, match="names no background"):
        open_folder(folder, "with_background")
    with pytest.raises(OptionError, match="unknown protocol"):
        open_folder(folder, "everything")


def test_what_cannot_be_measured(reco, folder):
    data = open_folder(folder)
    twice = (Variant("a", find_method("reco")), Variant("a", find_method("reco2")))
    for variants, options, says in (
        (twice, {}, "two variants have the same name"),
        (twice[:1], {"limit": 0}, "no photos to measure on"),
        (twice[:1], {"limit": -1}, "no photos to measure on"),
        (twice[:1], {"k": 0}, "out of range"),
    ):
        with pytest.raises(OptionError, match=says):
            bench.run(reco, data, variants, **options)
    with pytest.raises(Cancelled) as caught:  # while names are learned too
        bench.run(reco, data, twice[:1], control=cancelled())
    assert "continues" not in str(caught.value), "nothing was kept"


def test_variants_of_k_archive_and_background(reco, folder, monkeypatch):
    method = find_method("reco")
    variants = (
        Variant("plain", method),
        Variant("k", method, k=3),
        Variant("few", method, share=0.1),
        Variant("fewer", method, share=0.03),
        Variant("alone", method, background=False),
    )
    prepare, learned = reco.prepare, []
    monkeypatch.setattr(
        reco, "prepare", lambda *names, **options: learned.append(prepare(*names, **options)) or learned[-1]
    )
    report = bench.run(reco, open_folder(folder), variants, k=4, limit=1, background=("sky",))
    described = report["settings"]["variants"]
    assert [(v["k"], v["share"], v["background"]) for v in described.values()] == [
        (4, 1.0, True),
        (3, 1.0, True),
        (4, 0.1, True),
        (4, 0.03, True),
        (4, 1.0, False),
    ]
    exemplars = [[e.record.file for c in (*r.concepts, *r.background) for e in c.exemplars] for r in learned]
    assert [{len(c.exemplars) for c in r.concepts} for r in learned] == [{4}, {3}, {4}, {4}, {4}]
    files = [record.file for record in reco.archive.records]
    for used, share in zip(exemplars, (1, 1, 0.1, 0.03, 1), strict=True):
        assert not set(used) & left_out(files, share, 0)
    assert set(exemplars[0]) & left_out(files, 0.1, 0), "without a share all photos may be used"
    assert [bool(r.background) for r in learned] == [True, True, True, True, False]
    assert len({json.dumps(p) for p in report["per_photo"]["predicted"].values()}) == 5, "all of them differ"


def test_a_smaller_share_is_part_of_a_larger():
    files = [f"{i}.jpg" for i in range(200)]
    assert left_out(files, 1, 0) == frozenset()
    out = [left_out(files, share, 5) for share in (0.5, 0.1, 0.03, 0.001)]
    assert [200 - len(o) for o in out] == [100, 20, 6, 1]
    assert out[0] < out[1] < out[2] < out[3]
    assert left_out(files, 0.5, 5) == out[0] != left_out(files, 0.5, 6)


def test_variants_of_an_ablation():
    rows = ablation(20)
    names = [v.name for v in rows]
    assert len(set(names)) == len(names) and {*METHODS, *PARTS} - {"reco2_crf"} <= set(names)
    assert {v.k for v in rows} == {None, 1, 5, 10, 50} and {v.share for v in rows} == {0.03, 0.1, 0.3, 1.0}
    assert [v.method.name for v in rows if not v.background] == ["denseclip"]
    assert next(v for v in rows if v.name == "reco2, 3% of the archive").share == 0.03
    for options in ({"k": 0}, {"share": 0.0}, {"share": 1.1}):
        with pytest.raises(OptionError, match="out of range"):
            Variant("x", find_method("reco"), **options)
    with pytest.raises(OptionError, match='Did you mean "denseclip"'):
        of_methods(("reco", "densclip"))


def test_runs_repeat_themselves(reco, folder):
    variants = (Variant("few", find_method("reco"), k=3, share=0.1), *of_methods(("reco", "reco2")))
    options = {"limit": 2, "background": ("sky", "grass")}
    first, second = (bench.run(reco, open_folder(folder), variants, **options) for _ in range(2))
    assert without_seconds(first) == without_seconds(second)
    other = bench.run(reco, open_folder(folder), variants, seed=1, **options)
    assert other["methods"]["few"]["miou"] != first["methods"]["few"]["miou"], "another part of the archive"
    assert other["methods"]["reco"]["miou"] == first["methods"]["reco"]["miou"]


def test_no_masks_are_kept(reco, folder, monkeypatch):
    segment, results, alive = reco.segment, [], []

    def watched(*photo, **options):
        result = segment(*photo, **options)
        results.append(weakref.ref(result))
        return result

    monkeypatch.setattr(reco, "segment", watched)
    report = bench.run(
        reco,
        open_folder(folder),
        of_methods(("reco", "denseclip")),
        control=RunControl(lambda stage, *_: stage == "photos" and alive.append(sum(r() is not None for r in results))),
    )
    assert len(results) == 6 and alive == [0, 0, 0]
    assert len(json.dumps(report["per_photo"])) < 1500


def test_fingerprint_tells_photos_labels_and_their_order(folder):
    items = open_folder(folder).items
    one = fingerprint(items)
    assert one == fingerprint(open_folder(folder).items) and len(one) == 16
    others = {fingerprint(items[:2]), fingerprint(items[::-1])}
    truth = items[0].truth.read_bytes()
    items[0].truth.write_bytes(truth + b" ")
    others.add(fingerprint(items))
    items[0].truth.write_bytes(truth)
    assert len(others | {one}) == 4
