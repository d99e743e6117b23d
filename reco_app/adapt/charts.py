"""Charts of a training, drawn as SVG."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from reco_app.templates import render
from reco_core.adaptation.curve import Curve

BLUE, GREEN, GREY = "#0072e6", "#00a35a", "#8a8f98"
WIDTH, HEIGHT, LEFT = 330, 120, 30  # of the drawing; values' axis at LEFT


class Line(NamedTuple):
    """Values by step, in their order."""

    label: str
    colour: str
    points: list[tuple[int, float]]


class Point(NamedTuple):
    """Where a value is drawn, and its text."""

    x: float
    y: float
    step: int
    value: str


def curves(curve: Curve, steps: int) -> Markup:
    """Both charts of a training of so many steps, as far as it is."""
    loss = [(look.step, look.loss) for look in curve.looks]
    top = max(value for _, value in loss) * 1.05 or 1.0
    fits = [(look.step, look.fits) for look in curve.looks if look.fits is not None]
    agrees = [(look.step, look.agrees) for look in curve.looks if look.agrees is not None]
    lines = [Line("fits ReCo's labels", BLUE, fits), Line("agrees with itself", GREEN, agrees)]
    held = chart("In photos that it does not learn from:", lines, steps, 1.0, curve.best.step) if agrees else ""
    learning = chart("What it gets wrong while it learns:", [Line("loss", GREY, loss)], steps, top)
    return render("adapt/charts.html", held=held, learning=learning)


def chart(title: str, lines: Sequence[Line], steps: int, top: float, best: int = 0) -> Markup:
    """Lines by step. top: of the values' axis; 1 is for shares. best: a step to mark."""

    def number(value: float) -> str:
        return f"{100 * value:.0f} %" if top == 1 else f"{value:.2g}"

    def place(step: int, value: float) -> Point:
        x = LEFT + (WIDTH - LEFT) * step / steps
        return Point(x, HEIGHT * (1 - value / top), step, number(value))

    return render(
        "adapt/chart.html",
        title=title,
        lines=[(line, [place(*point) for point in line.points]) for line in lines],
        grid=[place(0, share * top) for share in (0, 0.5, 1)],
        best=place(best, 0) if best else None,
        steps=steps,
        width=WIDTH,
        height=HEIGHT,
    )
