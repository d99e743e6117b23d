"""The dataset card of an archive on the Hugging Face Hub: whose photos it knows, under which licences, how to use
it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from reco_core.archives.manifest import Manifest
from reco_core.types import PhotoRecord
from reco_core.utils.templates import render

# Of the hub's identifiers, those that photos have; https://huggingface.co/docs/hub/repositories-licenses
HUB_LICENCE = re.compile(
    r"cc0-1\.0|cc-by-(2\.0|2\.5|3\.0|4\.0)|cc-by-(sa|nc-nd)-(3\.0|4\.0)|cc-by-(nc|nc-sa)-(2\.0|3\.0|4\.0)|cc-by-nd-4\.0"
    "|mit|apache-2\\.0|pddl|unknown"
)
MOST_ROWS = 50  # of a table of the card
SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B")  # between two of these are the hub's categories


def card(
    manifest: Manifest, records: Iterable[PhotoRecord], repository: str = "OWNER/NAME", thumbnails: int = 0
) -> str:
    """The dataset card, Markdown with a YAML header: what the archive is, of whose photos, and how to use it.

    thumbnails: how many photos have one.
    """
    from huggingface_hub import DatasetCardData

    hosts, authors = Counter[str](), set[str]()
    for record in records:
        hosts[_host(record.source_url)] += 1
        authors.add(record.author)
    photos = f"{manifest.photos:,} photos"
    header = DatasetCardData(
        pretty_name=f"ReCo archive of {photos}, preset {manifest.preset}",
        **_licence(manifest.licences),
        size_categories=[_size(manifest.photos)],
        task_categories=["image-segmentation"],
        tags=["reco", "image-retrieval", "embeddings", f"preset:{manifest.preset}"],
        viewer=False,
    ).to_yaml()
    tables = {"licences": _rows(manifest.licences), "hosts": _rows(hosts), "left_out": _rows(manifest.left_out)}
    about = {
        "manifest": manifest,
        "photos": photos,
        "authors": len(authors - {""}),
        "repository": repository,
        "thumbnails": thumbnails,
    }
    return render("archives/hub_card.md", header=header, **about, **tables)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "not stated"
    except ValueError:
        return "not stated"


def _licence(licences: Mapping[str, int]) -> dict[str, Any]:
    """What the header says of licences: the hub's own identifier if that is all, or else their list."""
    if len(licences) == 1 and (known := _hub_licence(next(iter(licences)))):
        return {"license": known}
    shown = [f"{licence} ({count:,} photos)" for licence, count in list(licences.items())[:MOST_ROWS]]
    more = [f"{len(licences) - MOST_ROWS:,} more"] if len(licences) > MOST_ROWS else []
    return {"license": "other", "license_name": "licences-of-the-photos", "license_details": "; ".join(shown + more)}


def _hub_licence(text: str) -> str:
    """The hub's identifier of a licence that is written as its name or address; "" if it has none."""
    name = re.sub(r"[\s_]+", "-", text.strip().lower())
    if address := re.fullmatch(r"https?://creativecommons\.org/(?:licenses|publicdomain)/([a-z-]+)/([0-9.]+)/?", name):
        name = "cc0-1.0" if address[1] == "zero" else f"cc-{address[1]}-{address[2]}"
    return name if HUB_LICENCE.fullmatch(name) else ""


def _size(photos: int) -> str:
    """The hub's category of a size, such as "1K<n<10K"."""
    if photos < 1000:
        return "n<1K"
    digits = min(len(str(photos)), 10)
    return f"{SIZES[digits - 4]}<n<{SIZES[digits - 3]}"


def _rows(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The rows of a table, most first; the last one sums up what is too much."""
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown, more = [(_cell(name), count) for name, count in rows[:MOST_ROWS]], rows[MOST_ROWS:]
    return [*shown, (f"{len(more):,} others", sum(count for _, count in more))] if more else shown


def _cell(text: str) -> str:
    """Text as it is, whatever Markdown or HTML it looks like."""
    return re.sub(r"([\\|`*<>\[\]])", r"\\\1", " ".join(text.split()))
