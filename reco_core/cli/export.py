"""The command `export`: names as a web page of their own."""

import argparse
import logging
from pathlib import Path

import onnx

from reco_core.cli import options
from reco_core.cli.learning import add_names, learn, tell_remarks
from reco_core.errors import OptionError
from reco_core.export.page.builder import PAGE, Page
from reco_core.export.page.credits import credits_of
from reco_core.export.page.graph import Graph, PhotoGraph, to_onnx
from reco_core.export.page.weights import WEIGHTS
from reco_core.methods import find_method
from reco_core.presets import usual_method
from reco_core.utils.names import parse_names

log = logging.getLogger("reco_core")


def add_commands(commands: options.Commands) -> None:
    """Add `export`."""
    command = options.add_command(commands, "export", export)
    command.add_argument("names", nargs="?", default="", help='for example "fire hydrant, bench"')
    options.add_out(command, "folder for the page")
    command.add_argument("--specialist", type=Path, metavar="FOLDER", help="what `adapt` trained, in place of names")
    command.add_argument("--title", default="", help="of the page (default: the names)")
    command.add_argument("--single-file", action="store_true", help="one file, which opens by a double click")
    command.add_argument(
        "--weights-as",
        choices=WEIGHTS,
        default="steps",
        help="float16 says what Python says, steps nearly so in fewer bytes (default: steps)",
    )
    command.add_argument("--method", help="without the paper's CRF (default: reco2_crf)")
    add_names(command)


def export(args: argparse.Namespace) -> None:
    """Make a web page that finds named things in photos, on its visitor's device.

    The page is a folder for any static server, such as GitHub Pages: it needs no server of its own, sends nothing
    anywhere, and works without a network after the first visit. With --single-file it is one file.

    Example: "fire hydrant, bench" --out page
    """
    if bool(args.names) == bool(args.specialist):
        raise OptionError("there is nothing to export", expected="names, or --specialist FOLDER, and not both")
    graph, credits = _of_specialist(args.specialist) if args.specialist else _of_names(args)
    log.info("making the page, which takes about a minute")
    made = to_onnx(graph) if isinstance(graph, Graph) else graph
    page = Page.of(made, credits, title=args.title, weights=args.weights_as)
    size = page.write_single(args.out / PAGE) if args.single_file else page.write(args.out)
    log.info("%s: %.1f MB", args.out / PAGE, size / 1e6)
    if not args.single_file:
        log.info("look at it: python -m http.server --directory %s", args.out)


def _of_names(args: argparse.Namespace) -> tuple[Graph, str]:
    parse_names(args.names)  # what is wrong with them, before models are loaded
    asked = args.method and find_method(args.method)
    reco = options.load(args)
    method = asked or find_method(usual_method(reco.encoder.preset))
    reco, references, remarks = learn(reco, method.name, args)
    tell_remarks(references, remarks)
    return PhotoGraph(reco.encoder, reco.scorer, references, method), credits_of(references, reco.encoder.preset)


def _of_specialist(folder: Path) -> tuple[Graph | onnx.ModelProto, str]:
    from reco_core.adaptation import specialist_page
    from reco_core.adaptation.specialist import GRAPH, Specialist

    specialist = Specialist(folder, "cpu")
    if specialist.own:  # a graph already
        return onnx.load(folder / GRAPH), specialist_page.credits_of(specialist)
    return specialist_page.SpecialistGraph(specialist), specialist_page.credits_of(specialist)
