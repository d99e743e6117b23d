"""A web page that segments photos on its visitor's device: as a folder for any static server, or as one file."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import onnx
from jinja2 import Environment, PackageLoader, StrictUndefined

from reco_core.errors import OptionError
from reco_core.export.answers import FOUND_FROM, LEAST_SHARE, LESS_SURE
from reco_core.export.page.graph import about
from reco_core.export.page.runtime import Runtime
from reco_core.export.page.viewer_files import SCRIPTS, STYLES, viewer_text
from reco_core.export.page.weights import Weights, packed, shrink
from reco_core.pipeline import WORKING_SIDE
from reco_core.segmentation.refinement import POSITIONS
from reco_core.utils.atomic_write import atomic_write
from reco_core.utils.images import MAX_ASPECT, MIN_SIDE
from reco_core.utils.panoramas import LONG
from reco_core.utils.visualize import colour

STATIC = Environment(
    loader=PackageLoader("reco_core.export.page", "static"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
)
OWN_SCRIPTS = ("engine", "photos", "downloads", "camera_shot", "page")
SHOWN_SIDE = 1600  # pixels of a photo as it is shown
MOST_BYTES = 60_000_000  # of a photo's file
MOST_TITLE = 120
TEXTS = PAGE, CREDITS, LICENCES, README = "index.html", "CREDITS.txt", "LICENCES.txt", "README.md"


@dataclass(frozen=True)
class Page:
    """All that a page is made of. graph: ONNX, packed with gzip. credits: plain text. outlines: it draws them."""

    title: str
    names: tuple[str, ...]
    graph: bytes
    credits: str
    side: int
    patch: int
    outlines: bool
    runtime: Runtime

    @classmethod
    def of(cls, graph: onnx.ModelProto, credits: str, *, title: str = "", weights: Weights = "steps") -> "Page":
        """A page of what `to_onnx` made.

        credits: whose work it is. title: by default the names. weights: how they are stored; float16 loses nothing that
        counts.

        Raises:
            OptionError: the title is too long. DependencyError: what runs it in browsers is missing.
        """
        known = about(graph)
        names = tuple(known["names"])
        title, usual = " ".join(title.split()), _listed(names)
        if len(title) > MOST_TITLE:
            raise OptionError("the title is too long", given=title, expected=f"at most {MOST_TITLE} letters")
        runtime, small = Runtime.bundled(), onnx.ModelProto()
        small.CopyFrom(graph)
        shrink(small, weights)
        title = title or f"{usual[:1].upper()}{usual[1:]}"
        return cls(title, names, packed(small), credits, known["side"], known["patch"], known["outlines"], runtime)

    @property
    def parts(self) -> dict[str, bytes]:
        """What the page loads, by name."""
        return {"model": self.graph, "wasm": self.runtime.wasm, "runtime": self.runtime.script}

    @property
    def sentence(self) -> str:
        """What it does."""
        return f"Give it photos, and it marks {_listed(self.names)}."

    def html(self, *, single: bool) -> str:
        """index.html; single: with all parts in it, and the licences that a folder has beside it."""
        inlined = {name: base64.b64encode(part).decode() for name, part in self.parts.items()} if single else {}
        style, script = _style(), _script()
        return STATIC.get_template(PAGE).render(
            policy=_policy(script, style),
            title=self.title,
            sentence=self.sentence,
            names=self.names,
            style=style,
            script=script,
            worker=_inside("script", _text("worker.js")),
            viewer=viewer_text("viewer.html"),
            credits=self.credits,
            licences=self.runtime.licences if single else "",
            about=_inside("script", json.dumps(self._about(single), ensure_ascii=True).replace("<", "\\u003c")),
            inlined=inlined,
        )

    def files(self) -> dict[str, bytes]:
        """The page as files for a static server, by name."""
        parts = {_file_of(name, part): part for name, part in self.parts.items()}
        page = self.html(single=False)
        version = hashlib.sha256(page.encode()).hexdigest()[:16]
        offline = STATIC.get_template("offline.js").render(parts=json.dumps(list(parts)), version=version)
        readme = STATIC.get_template("readme.md").render(title=_plain(self.title), names=_plain(_listed(self.names)))
        texts = {
            PAGE: page,
            "offline.js": offline,
            README: readme + "\n",
            CREDITS: self.credits,
            LICENCES: self.runtime.licences,
        }
        return {**{name: text.encode() for name, text in texts.items()}, **parts}

    def write(self, folder: Path) -> int:
        """Write the files into a folder, index.html last; returns their bytes. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        files = self.files()
        for name in self.parts:  # of a page that was here before
            for old in {*folder.glob(f"{name}.*.bin"), *folder.glob(f"{name}.*.mjs")} - {
                folder / file for file in files
            }:
                old.unlink()
        for name in sorted(files, key=lambda name: name == PAGE):
            atomic_write(folder / name, files[name])
        return sum(map(len, files.values()))

    def write_single(self, file: Path) -> int:
        """Write one file that opens by a double click; returns its bytes. Raises OSError."""
        content = self.html(single=True).encode()
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, content)
        return len(content)

    def _about(self, single: bool) -> dict[str, Any]:
        """What the scripts are told."""
        return {
            "names": [
                {"name": name, "colour": "#{:02x}{:02x}{:02x}".format(*colour(i))} for i, name in enumerate(self.names)
            ],
            "parts": {name: {"file": _file_of(name, part), "bytes": len(part)} for name, part in self.parts.items()},
            "offline": "" if single else "offline.js",
            "side": self.side,
            "patch": self.patch,
            "aspect": MAX_ASPECT,
            "long": LONG,
            "positions": POSITIONS if self.outlines else 0,
            "working": WORKING_SIDE,
            "shown": SHOWN_SIDE,
            "least_pixels": MIN_SIDE,
            "most_bytes": MOST_BYTES,
            "found_from": FOUND_FROM,
            "less_sure": LESS_SURE,
            "least_share": LEAST_SHARE,
        }


def _listed(names: tuple[str, ...]) -> str:
    """ "cat, dog and bench"; of many, the first."""
    if len(names) > 8:
        return f"{', '.join(names[:7])} and {len(names) - 7} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _file_of(name: str, part: bytes) -> str:
    """The content is in the name, so that caches keep what is the same and fetch what is not."""
    return f"{name}.{hashlib.sha256(part).hexdigest()[:12]}{'.mjs' if name == 'runtime' else '.bin'}"


def _style() -> str:
    """The page's style sheet; the viewer's holds below it, as in the app."""
    viewer = "".join(viewer_text(f"{name}.css") for name in STYLES)
    return f".reco-viewer {{\n{viewer}\n}}\n{_text('page.css')}"


def _script() -> str:
    """The page's script: the viewer's files first, of which the last is a function of what it is given."""
    *parts, last = (viewer_text(f"{name}.js") for name in SCRIPTS)
    viewer = f"const viewer = (element, props, trigger, upload, watch) => {{\n{last}\n}};"
    own = (_text(f"{name}.js") for name in OWN_SCRIPTS)
    return _inside("script", "\n".join(("(() => {", "'use strict';", *parts, viewer, *own, "})();")))


def _text(name: str) -> str:
    """A file of this package as it is."""
    source, *_ = STATIC.loader.get_source(STATIC, name) if STATIC.loader else ("",)
    return source


def _inside(tag: str, text: str) -> str:
    """Raise OptionError if a text would end the element that it stands in."""
    if f"</{tag}" in text.lower() or "<!--" in text:
        raise OptionError("a script would end its element", given=text[:80], remedy="Please report this")
    return text


def _policy(script: str, style: str) -> str:
    """Nothing is loaded but what the page has or lies beside it; nothing is sent anywhere."""
    allowed: Mapping[str, str] = {
        "default-src": "'none'",
        "script-src": f"{_hash(script)} 'wasm-unsafe-eval' blob:",
        "style-src": _hash(style),
        "img-src": "data: blob:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{key} {value}" for key, value in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _plain(text: str) -> str:
    """Of a name, for Markdown: without what Markdown or HTML would read."""
    return escape(" ".join(text.split())).translate({ord(sign): f"\\{sign}" for sign in "\\`*_[]#|"})
