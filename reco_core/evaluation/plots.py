"""An ablation as a picture."""

from pathlib import Path

from reco_core.evaluation.variants import CURVES
from reco_core.utils.optional import import_optional


def plot_ablation(report: dict, file: Path) -> None:
    """Draw a report of `bench --ablation` as a PNG: every part, and mIoU against k and against archive size.

    Parts, and the methods with other presets, are bars with their intervals; rows without any mIoU are left out.

    Raises:
        DependencyError: matplotlib is not installed. OSError: the file cannot be written.
    """
    bars, settings = _bars(report), report["settings"]
    size = (11, max(4.5, 1.6 + 0.24 * len(bars)))
    matplotlib = import_optional("matplotlib.figure", "a plot", "requirements.txt")
    figure = matplotlib.Figure(size, dpi=110, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.2, 1])
    axes = left.subplots()
    values = [100 * row["miou"] for _, row in bars]
    errors = [
        [max(0.0, sign * 100 * (row["miou_interval"][side] - row["miou"])) for _, row in bars]
        for side, sign in ((0, -1), (1, 1))
    ]
    axes.barh(range(len(bars)), values, xerr=errors, color=[_colour(name) for name, _ in bars], ecolor="0.3", capsize=2)
    axes.set_yticks(range(len(bars)), [name for name, _ in bars], fontsize=8)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set_xlabel("mIoU, per cent, with 95 % intervals over photos", fontsize=8)
    figure.suptitle(
        f"{settings['data']}, {settings['protocol']}, preset {settings['preset']}, {report['photos']} photos",
        fontsize=9,
    )
    places = zip(right.subplots(2, 1), ("k", "share"), ("exemplars per name (k)", "photos of the archive"), strict=True)
    for place, what, title in places:
        curves = {method: sorted(_curve(report, method, what)) for method in CURVES}
        for method, points in curves.items():
            if points:
                place.plot(*zip(*points, strict=True), marker="o", color=_colour(method), label=method)
        if any(curves.values()):
            place.legend(fontsize=8)
        place.set_xscale("log")
        ticks = sorted({x for points in curves.values() for x, _ in points})
        place.set_xticks(ticks, [f"{x:,}" for x in ticks])
        place.minorticks_off()
        place.set_xlabel(title, fontsize=8)
        place.set_ylabel("mIoU", fontsize=8)
        place.set_ylim(bottom=0)
        place.grid(alpha=0.3)
    figure.savefig(file)


def _bars(report: dict) -> list[tuple[str, dict]]:
    """Rows that are no points of the curves, then those of other presets."""
    rows, settings = report["methods"], report["settings"]
    bars = [
        (name, rows[name])
        for name, variant in settings["variants"].items()
        if variant["k"] == settings["k"] and variant["share"] == 1
    ]
    for preset, entry in report.get("encoders", {}).items():
        bars += [(f"{preset}: {name}", row) for name, row in entry["methods"].items()]
    return [(name, row) for name, row in bars if row["miou"] is not None]


def _curve(report: dict, method: str, what: str) -> list[tuple[float, float]]:
    """Points (k or photos, mIoU in per cent) of a method and of its variants that differ in nothing else."""
    described, scale = report["settings"]["variants"], report["settings"]["archive_photos"]
    plain = described.get(method)
    points = []
    for name, variant in described.items() if plain else ():
        miou = report["methods"][name]["miou"]
        if miou is not None and variant | {what: None} == plain | {what: None}:
            points.append((variant["k"] if what == "k" else round(scale * variant["share"]), 100 * miou))
    return points


def _colour(name: str) -> str:
    """By the method that a row is of."""
    method = name.rpartition(": ")[2]
    return "tab:red" if method.startswith("reco2") else "tab:blue" if method.startswith("reco") else "0.6"
