"""The app's arguments. Those of an address can come from the environment, as Gradio's own do; what is typed wins."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from reco_core.errors import OptionError
from reco_core.presets import PRESETS

TITLE = "ReCo: type names, see them in your photo"
HUGGING_FACE = ("https://huggingface.co", "https://*.hf.space")  # where a Space is shown in a frame


def parse(arguments: list[str] | None = None, environment: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """The command line's arguments; None: the program's own.

    environment: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, GRADIO_ROOT_PATH, RECO_AUTH, RECO_LOG; SPACE_ID on a Space.

    Raises:
        OptionError: a value is none of its kind.
    """
    given = environment.get
    parser = argparse.ArgumentParser(description=TITLE)
    host = given("GRADIO_SERVER_NAME") or "127.0.0.1"
    parser.add_argument("--host", default=host, help="0.0.0.0 to be seen by other machines")
    parser.add_argument("--port", default=given("GRADIO_SERVER_PORT") or 7860)
    parser.add_argument("--share", action="store_true", help="a public link through Gradio's servers (needs a network)")
    root = "path before the app's own, if a proxy has put it below one, such as /reco"
    parser.add_argument("--root-path", default=given("GRADIO_ROOT_PATH") or "", help=root)
    auth = "who may come in; repeat it for several. Better in RECO_AUTH, with blanks between: others see arguments"
    parser.add_argument("--auth", action="append", metavar="NAME:PASSWORD", help=auth)
    origins = "pages of others that may call this server, such as https://shop.example (default: none)"
    parser.add_argument("--allowed-origins", nargs="+", default=[], metavar="ORIGIN", help=origins)
    frames = "pages that may show this one in a frame (default: this server's; on a Space, Hugging Face)"
    ancestors = list(HUGGING_FACE) if given("SPACE_ID") else []
    parser.add_argument("--allowed-frames", nargs="+", default=ancestors, metavar="ORIGIN", help=frames)
    log = "lines of key=value, or of JSON"
    parser.add_argument("--log", choices=("text", "json"), default=given("RECO_LOG") or "text", help=log)
    parser.add_argument("--preset", default="mini", help=", ".join(PRESETS))
    parser.add_argument("--archive", type=Path, help="default: the preset's own")
    photos = "folder with the archive's photos, for the gallery (default: where they are fetched to)"
    parser.add_argument("--photos", type=Path, help=photos)
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--may-install", action="store_true", help="let visitors install presets")
    proxy = "address of the reverse proxy that is believed about who asks; else all behind it count as one visitor"
    parser.add_argument("--behind-proxy", metavar="ADDRESS", default="", help=proxy)
    args = parser.parse_args(arguments)
    args.port = _port(args.port)
    args.auth = [_visitor(pair) for pair in args.auth or (given("RECO_AUTH") or "").split()]
    args.root_path = _root(args.root_path)
    args.allowed_origins = [_origin(origin) for origin in args.allowed_origins]
    args.allowed_frames = [_origin(origin) for origin in args.allowed_frames]
    if args.log not in ("text", "json"):  # argparse believes a default
        raise OptionError("RECO_LOG names no kind of log", given=args.log, expected="text or json")
    return args


def _port(text: str | int) -> int:
    try:
        port = int(text)
        if 0 < port < 65536:
            return port
    except ValueError:
        pass
    raise OptionError("this is no port", given=text, expected="1 to 65535, by --port or GRADIO_SERVER_PORT")


def _visitor(pair: str) -> tuple[str, str]:
    name, _, password = pair.partition(":")
    if not name or not password:  # the password is not repeated
        raise OptionError("a name and a password are needed", expected="NAME:PASSWORD, by --auth or RECO_AUTH")
    return name, password


def _root(path: str) -> str:
    path = path.rstrip("/")
    if path and not path.startswith(("/", "http://", "https://")):
        raise OptionError("this is no root path", given=path, expected="such as /reco, or a whole address")
    return path


def _origin(text: str) -> str:
    """A scheme and a host, perhaps with a port; "*" only as the first part of a host."""
    scheme, _, host = text.rstrip("/").partition("://")
    sound = scheme in ("http", "https") and host and not set(host) & set("/?#@;, '\"\t\r\n\\")
    if not sound or "*" in host.removeprefix("*."):
        raise OptionError("this is no origin", given=text, expected="such as https://shop.example")
    return f"{scheme}://{host.lower()}"
