"""Reports of random label maps, compared with loops over photos drawn again."""

import json

import numpy as np
import pytest

from reco_core.errors import DatasetError, OptionError
from reco_core.evaluation.comparison import compare, read_report
from reco_core.evaluation.settings import FORMAT

CLASSES = ("wall", "cat", "cup")


def maps(seed: int, photos: int, wrong: float) -> tuple[list, list]:
    """Label maps, and predictions of which a share is drawn at random; the truth does not depend on that share."""
    random = np.random.default_rng(seed)
    truth = [random.choice([-1, *random.choice(3, 2, replace=False)], (12, 12)) for _ in range(photos)]
    draw = np.random.default_rng(round(1000 * wrong))
    guess = [np.where(draw.random(t.shape) < wrong, draw.integers(0, 3, t.shape), np.maximum(t, 0)) for t in truth]
    return truth, guess


def packed(truth: list, guesses: dict[str, list], keys: list[str] | None = None) -> dict:
    """A report, without what comparing does not need."""
    told: dict = {"photos": keys or [f"p{i}" for i in range(len(truth))], "truth": [], "predicted": {}}
    for t in truth:
        told["truth"].append([int(x) for c in range(3) if (t == c).any() for x in (c, (t == c).sum())])
    for name, guess in guesses.items():
        told["predicted"][name] = [
            [
                int(x)
                for c in range(3)
                if ((g == c) & (t >= 0)).any()
                for x in (c, ((g == c) & (t == c)).sum(), ((g == c) & (t >= 0)).sum())
            ]
            for t, g in zip(truth, guess, strict=True)
        ]
    rows = {name: {"per_class": dict.fromkeys(CLASSES)} for name in guesses}
    return {"settings": {"format": FORMAT, "data": "d", "protocol": "p"}, "methods": rows, "per_photo": told}


def naive(truth: list, guess: list, drawn) -> tuple[float, float]:
    t, g = (np.concatenate([of[i].ravel() for i in drawn]) for of in (truth, guess))
    g, t = g[t >= 0], t[t >= 0]
    ious = [((t == c) & (g == c)).sum() / ((t == c) | (g == c)).sum() for c in range(3) if ((t == c) | (g == c)).any()]
    return float((t == g).mean()), float(np.mean(ious))


@pytest.fixture(scope="module")
def reports():
    truth, good = maps(0, 30, 0.2)
    _, better = maps(0, 30, 0.17)
    return truth, good, better, packed(truth, {"reco": good}), packed(truth, {"reco": better})


def test_against_a_naive_paired_bootstrap(reports):
    truth, good, better, first, second = reports
    found = compare(first, second)["reco"]
    random, gained = np.random.default_rng(9), []
    for _ in range(1500):
        drawn = random.integers(0, 30, 30)
        gained.append(np.subtract(naive(truth, better, drawn), naive(truth, good, drawn)))
    before, after = naive(truth, good, range(30)), naive(truth, better, range(30))
    assert found["photos"] == 30
    for i, what in enumerate(("accuracy", "miou")):
        assert found[what] == pytest.approx([before[i], after[i]], abs=1e-4)
        assert found[f"{what}_difference"] == pytest.approx(after[i] - before[i], abs=1e-4)
        bounds = np.quantile(np.array(gained)[:, i], [0.025, 0.975])
        assert found[f"{what}_interval"] == pytest.approx(bounds, abs=0.1 * (bounds[1] - bounds[0]))
        assert found[f"{what}_interval"][0] > 0, "the gain is more than chance"
    assert compare(first, second) == compare(first, second)
    assert compare(first, second, seed=1)["reco"]["miou_interval"] != found["miou_interval"]


def test_a_report_does_not_differ_from_itself(reports):
    found = compare(reports[3], reports[3])["reco"]
    assert found["miou_difference"] == found["accuracy_difference"] == 0
    assert found["miou_interval"] == found["accuracy_interval"] == [0, 0]


def test_photos_are_matched_by_name(reports):
    """The second report has them in another order, and lacks some."""
    truth, good, better, first, _ = reports
    order = [17, 3, 25, 8, 0, 29, 11]
    pick = {"truth": [truth[i] for i in order], "guess": [better[i] for i in order]}
    mixed = packed(pick["truth"], {"reco": pick["guess"]}, [f"p{i}" for i in order])
    found, kept = compare(first, mixed)["reco"], sorted(order)
    assert found["photos"] == 7
    assert found["accuracy"] == pytest.approx([naive(truth, good, kept)[0], naive(truth, better, kept)[0]], abs=1e-4)
    aligned = packed([truth[i] for i in kept], {"reco": [better[i] for i in kept]}, [f"p{i}" for i in kept])
    assert compare(first, aligned)["reco"] == found
    back = compare(mixed, first)["reco"]
    assert back["miou"] == found["miou"][::-1] and back["miou_difference"] == -found["miou_difference"]


def test_rows(reports):
    truth, good, better, *_ = reports
    both = packed(truth, {"reco": good, "reco2": better})
    third = packed(truth, {"reco2": good, "denseclip": better})
    assert list(compare(both, third)) == ["reco2"]
    assert list(compare(both, both)) == ["reco", "reco2"]
    named = compare(both, third, ("reco", "denseclip"))
    assert list(named) == ["reco -> denseclip"]
    assert named["reco -> denseclip"] == compare(reports[3], reports[4])["reco"]
    with pytest.raises(OptionError, match=r"unknown row of the report.*Did you mean \"reco2\""):
        compare(both, third, ("reco", "reco3"))
    with pytest.raises(OptionError, match=r"no row in common.*--rows"):
        compare(reports[3], third)


def test_reports_that_cannot_be_compared(reports):
    truth, good, _, first, second = reports
    for what in ("data", "protocol"):
        other = {**second, "settings": {**second["settings"], what: "other"}}
        with pytest.raises(OptionError, match=f"different {what}.*other"):
            compare(first, other)
    other = {**second, "methods": {"reco": {"per_class": dict.fromkeys(("wall", "cup", "cat"))}}}
    with pytest.raises(OptionError, match=r"different classes.*wall, cup, cat"):
        compare(first, other)
    with pytest.raises(OptionError, match=r"no photo in common.*p0 and q0"):
        compare(first, packed(truth[:1], {"reco": good[:1]}, ["q0"]))
    with pytest.raises(OptionError, match="different labels"):
        compare(first, packed(truth[::-1], {"reco": good[::-1]}))


def test_nothing_counted_is_no_number():
    nothing = [np.full((3, 3), -1)]
    report = packed(nothing, {"reco": [np.zeros((3, 3), int)]})
    found = compare(report, report)
    assert found["reco"]["miou"] == [None, None] == found["reco"]["miou_interval"]
    assert found["reco"]["miou_difference"] is None
    json.dumps(found, allow_nan=False)


def test_reading(reports, tmp_path):
    file = tmp_path / "r.json"
    file.write_text(json.dumps(reports[3]))
    assert read_report(file) == reports[3]
    with pytest.raises(DatasetError, match=r"no report.*nowhere\.json"):
        read_report(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: "{", "no report"),
        (lambda r: "[]", "no report"),
        (lambda r: '{"settings": 3}', "no report"),
        (lambda r: json.dumps({**r, "settings": {"format": 1}}), "another format.*Measure again"),
        (lambda r: json.dumps({**r, "methods": ["reco"]}), "no report"),
        (lambda r: json.dumps({**r, "methods": {**r["methods"], "reco2": r["methods"]["reco"]}}), "no report"),
        (
            lambda r: json.dumps({**r, "per_photo": {**r["per_photo"], "truth": r["per_photo"]["truth"][:-1]}}),
            "no report",
        ),
        (lambda r: json.dumps({**r, "per_photo": {**r["per_photo"], "truth": [[9, 9]] * 30}}), "no report"),
        (lambda r: json.dumps({**r, "per_photo": {**r["per_photo"], "truth": [[1]] * 30}}), "no report"),
        (lambda r: json.dumps(r)[:-30], "no report"),
    ],
)
def test_damaged_reports_are_explained(reports, tmp_path, change, says):
    file = tmp_path / "r.json"
    file.write_text(change(reports[3]))
    with pytest.raises(DatasetError, match=says):
        read_report(file)
