"""Draw what growth.py measured: docs/performance.webp, and the tables of docs/performance.md.

python benchmarks/growth_figure.py [--json FILE] [--docs FOLDER]

A table stands between two comments, "figures: PART" and "end"; a part that was not measured is left as it is.
"""

import argparse
import io
import json
import re
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
STACKED = ("reading", "network", "scores", "refinement")  # of an answer, from below
COLOURS = {
    "reading": "#c9ccd3",
    "network": "#8fa3bf",
    "scores": "#4f6d94",
    "refinement": "#d68a9b",
    "search": "#4f6d94",
    "megabytes not mapped": "#d68a9b",
    "half within": "#8fa3bf",
    "95 % within": "#d68a9b",
}
TITLES = {
    "names": ("An answer, by names asked", "names", "seconds"),
    "photo": ("An answer, by the photo's pixels", "megapixels", "seconds"),
    "archive": ("A search, by the archive's photos", "photos", "milliseconds"),
    "visitors": ("Waiting, by visitors at once", "visitors", "seconds"),
}
NO_SECONDS = ("megabytes", "answers", "refused", "failed")
HEADROOM = 1.3
INK, FAINT, WIDTH, QUALITY = "#3b4252", "#e6e8ec", 11, 80
Points = dict[str, dict[str, float]]


def draw(parts: dict[str, Points], machine: str) -> bytes:
    """The curves of the parts that were measured, as WebP."""
    known = [part for part in TITLES if parts.get(part)]
    figure = Figure((WIDTH, 3.4 * ((len(known) + 1) // 2)), dpi=110, layout="constrained")
    places = figure.subplots((len(known) + 1) // 2, 2, squeeze=False).ravel()
    for place, part in zip(places, known, strict=False):
        _draw_part(place, part, parts[part])
    for place in places[len(known) :]:
        place.set_axis_off()
    figure.supxlabel(machine, fontsize=8, color=INK)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    packed = io.BytesIO()
    Image.open(out).convert("RGB").save(packed, "WEBP", quality=QUALITY, method=6)
    return packed.getvalue()


def _draw_part(place: Any, part: str, points: Points) -> None:
    title, below, beside = TITLES[part]
    xs, rows = [float(x) for x in points], list(points.values())
    if part in ("names", "photo"):
        kinds = [kind for kind in STACKED if kind in rows[0]]
        place.stackplot(
            xs, *([row[kind] for row in rows] for kind in kinds), labels=kinds, colors=[COLOURS[kind] for kind in kinds]
        )
    elif part == "archive":
        place.plot(xs, [1e3 * row["search"] for row in rows], color=COLOURS["search"], marker="o", label="search, ms")
        memory = [max(row["megabytes not mapped"], 0.1) for row in rows]
        place.plot(xs, memory, color=COLOURS["megabytes not mapped"], marker="o", label="its memory, MB")
        place.set_yscale("log")
    else:
        for kind in ("half within", "95 % within"):
            place.plot(xs, [row[kind] for row in rows], color=COLOURS[kind], marker="o", label=kind)
    place.set_xscale("log")
    place.set_xticks(xs, [f"{x:,.7g}" for x in xs], color=INK, fontsize=8)
    place.minorticks_off()
    place.tick_params(axis="y", labelsize=8, labelcolor=INK, length=0)
    place.tick_params(axis="x", length=0)
    if part == "archive":
        place.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    else:
        place.set_ylim(0, HEADROOM * place.get_ylim()[1])  # for the legend
    place.grid(axis="y", color=FAINT)
    place.set_axisbelow(True)
    place.spines[:].set_visible(False)
    place.set_title(title, loc="left", fontsize=10, color=INK)
    place.set_xlabel(below, fontsize=8, color=INK)
    place.set_ylabel("" if part == "archive" else beside, fontsize=8, color=INK)
    place.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper left", reverse=part in ("names", "photo"))


def table(part: str, points: Points) -> str:
    """A row for each point, a column for each thing that was measured, with its unit in the heading."""
    kinds = list(next(iter(points.values())))
    units = {kind: _unit(kind, [row[kind] for row in points.values()]) for kind in kinds}
    heads = [f"{kind}, {units[kind]}" if units[kind] else kind for kind in kinds]
    lines = [f"| {' | '.join([TITLES[part][1], *heads])} |", "|---" * (len(kinds) + 1) + "|"]
    for x, row in points.items():
        lines.append(f"| {' | '.join([f'{float(x):,.7g}', *(_cell(row[kind], units[kind]) for kind in kinds)])} |")
    return "\n".join(lines)


def _unit(kind: str, values: list[float]) -> str:
    """Of a column; none where its name says it."""
    if kind.startswith(NO_SECONDS):
        return ""
    return "ms" if max(values) < 1 else "s"


def _cell(value: float, unit: str) -> str:
    return {"": f"{value:,.4g}", "s": f"{value:.2f}", "ms": f"{1e3 * value:.3g}"}[unit]


def described(machine: dict[str, Any]) -> str:
    """The machine in a few words."""
    gpu = "no GPU" if machine["gpu"] == "none" else machine["gpu"]
    threads = "" if machine["threads"] == machine["cores"] else f", {machine['threads']} of them used"
    return f"{machine['cores']} cores of an {machine['cpu']}, {gpu}{threads}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "growth.json")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    args = parser.parse_args()
    report = json.loads(args.json.read_text(encoding="utf-8"))
    page, machine = args.docs / "performance.md", described(report["machine"])
    parts = {
        part: dict(sorted(points.items(), key=lambda point: float(point[0])))
        for part, points in report["parts"].items()
        if points
    }
    (args.docs / "performance.webp").write_bytes(draw(parts, machine))
    text = page.read_text(encoding="utf-8")
    written = {"machine": f"Measured on {machine}."} | {part: table(part, points) for part, points in parts.items()}
    for part, made in written.items():
        pattern = re.compile(rf"(<!-- figures: {part} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)
    page.write_text(text, encoding="utf-8")
    print(f"{page}: {', '.join(parts)}")


if __name__ == "__main__":
    main()
