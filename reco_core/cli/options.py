"""What commands share: how one is declared, options that several have, and what these stand for."""

import argparse
import inspect
import shlex
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from reco_core.archives.archive import Archive
from reco_core.cli.progress_log import ProgressLog
from reco_core.errors import OptionError
from reco_core.methods import BACKGROUND_WORDS, CONTEXT_WORDS
from reco_core.models.encoders import Encoder, load_encoder
from reco_core.pipeline import ReCo
from reco_core.presets import PRESETS, find_preset
from reco_core.utils.names import parse_names
from reco_core.utils.paths import find_folder

MOST_COMMAS = 20  # in a file's name
MAX_SIDE = 1344  # of photos for the models: affinities of more positions would not fit into memory
MODEL_OPTIONS = ("photos", "photo-side", "device", "weights", "precision")  # those of `add_models` with one value
Parser: TypeAlias = argparse.ArgumentParser
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Run: TypeAlias = Callable[[argparse.Namespace], None]


def add_command(commands: Commands, name: str, run: Run, more: str = "") -> Parser:
    """Declare a command that `run` executes; its options follow.

    Its help is what the docstring of `run` says: a summary, details, and after "Example:" arguments that a user may
    type. more: further details.
    """
    about, _, example = (inspect.getdoc(run) or "").partition("Example:")
    summary = about.partition("\n")[0].rstrip(".")
    parser = commands.add_parser(
        name,
        help=f"{summary[:1].lower()}{summary[1:]}",
        description=about + more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.epilog = f"example:\n  {parser.prog} {example.strip()}".rstrip()
    parser.set_defaults(run=run)
    return parser


def add_out(parser: Parser, what: str = "folder for overlay.png, labels.png, result.json") -> None:
    """Add --out, which says where the result goes."""
    parser.add_argument("--out", type=Path, required=True, help=what)


def check_out(folder: Path | None) -> None:
    """Before any work: raise OptionError if --out cannot be a folder, for a file is there or on the way to it."""
    for path in (folder, *folder.parents) if folder else ():
        if path.is_dir():
            return
        if path.exists():
            remedy = "Give another --out"
            raise OptionError("--out is a file", given=path, expected="a folder, there or not", remedy=remedy)


def add_device(parser: Parser) -> None:
    """Add --device."""
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")


def add_machine(parser: Parser) -> None:
    """Add what says where weights are, and what the models run on."""
    add_device(parser)
    parser.add_argument("--weights", type=Path, help="folder where weights are looked for first (for mini: or a file)")
    parser.add_argument("--precision", help="float32, bfloat16 or float16 (default: half precision on a GPU)")


def add_preset(parser: Parser) -> None:
    """Add --preset."""
    parser.add_argument("--preset", default="mini", help=", ".join(PRESETS))


def add_models(parser: Parser) -> None:
    """Add what `load` reads."""
    add_preset(parser)
    several = "default: the preset's own; give more than one to join them"
    parser.add_argument("--archive", type=find_archive, action="append", default=[], help=several)
    parser.add_argument("--photos", type=Path, help="the archive's photos, if it stores no dense features")
    parser.add_argument("--photo-side", type=int, help="short side of photos for the models (default: the preset's)")
    add_machine(parser)


def add_learning(parser: Parser) -> None:
    """Add what `load` reads, and what says how names are learned."""
    add_models(parser)
    parser.add_argument("-k", type=int, help="exemplars per concept (default: the preset's)")
    parser.add_argument("--background", default=", ".join(BACKGROUND_WORDS), help="words that compete as background")
    parser.add_argument("--context", default=", ".join(CONTEXT_WORDS), help="words for context elimination")


def load(args: argparse.Namespace) -> ReCo:
    """The preset with its own archive, or with those that were given, joined.

    Raises:
        OptionError, WeightsError, ArchiveError: what is wrong, and what to do.
    """
    preset = find_preset(args.preset)
    if args.photo_side is not None:
        if not 64 <= args.photo_side <= MAX_SIDE:
            raise OptionError("--photo-side is out of range", given=args.photo_side, expected=f"64 to {MAX_SIDE}")
        preset = replace(preset, photo_side=args.photo_side)
    reco = ReCo.load(
        preset,
        archive=args.archive[0] if args.archive else None,
        device=args.device,
        weights=args.weights,
        precision=args.precision,
        photos=args.photos,
        control=ProgressLog("fetching"),
    )
    for more in args.archive[1:]:
        reco = reco.extended(Archive(more))
    return reco


def load_models(args: argparse.Namespace, preset: str) -> Encoder:
    """A preset's models alone. Raises OptionError, WeightsError."""
    chosen, control = find_preset(preset), ProgressLog("fetching")
    return load_encoder(chosen, args.device, args.weights, precision=args.precision, control=control)


def command_line(*parts: object) -> str:
    """A command of `reco` as it can be pasted into a shell, whatever blanks and signs its parts have."""
    texts = [f"./{part}" if isinstance(part, Path) and str(part).startswith("-") else str(part) for part in parts]
    return shlex.join(["reco", *texts])


def model_options(args: argparse.Namespace) -> list[object]:
    """What `add_models` added, as it was typed; what has its default is left out."""
    named = {"--preset": args.preset if args.preset != "mini" else None}
    named |= {f"--{name}": getattr(args, name.replace("-", "_")) for name in MODEL_OPTIONS}
    given = [part for option, value in named.items() if value is not None for part in (option, value)]
    return [*given, *(part for archive in args.archive for part in ("--archive", archive))]


def find_archive(text: str) -> Path:
    """An archive to read: a folder; or "archives/mini", "archives/clip", which are found from anywhere."""
    folder, ours = Path(text), find_folder(text)
    return ours if folder.parts[:1] == ("archives",) and not folder.exists() and ours.exists() else folder


def split_files(text: str, known: Container[str]) -> frozenset[str]:
    """File names with commas between them; one that is known, or stands in double quotes, may itself have commas."""
    parts, files, at = text.split(","), set[str](), 0
    while at < len(parts):
        for end in range(min(len(parts), at + MOST_COMMAS), at, -1):  # the longest first
            name = ",".join(parts[at:end]).strip()
            quoted = len(name) > 1 and name[0] == name[-1] == '"' and '"' not in name[1:-1]
            if quoted or name in known or end == at + 1:
                files.add(name[1:-1] if quoted else name)
                break
        at = end
    return frozenset(files - {""})


def split_commas(text: str) -> tuple[str, ...]:
    """What stands between commas; nothing of an empty text."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def parse_words(text: str) -> tuple[str, ...]:
    """Words with commas between them; none of an empty text. Raises NamesError."""
    return parse_names(text) if text.strip() else ()
