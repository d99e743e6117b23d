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

# Of the hub's identifiers, those that photos have; https://huggingface.co/docs/hub/repositories-licenses
HUB_LICENCES = frozenset(
    {
        "cc0-1.0",
        "cc-by-2.0",
        "cc-by-2.5",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc-by-nc-2.0",
        "cc-by-nc-3.0",
        "cc-by-nc-4.0",
        "cc-by-nd-4.0",
        "cc-by-nc-nd-3.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-2.0",
        "cc-by-nc-sa-3.0",
        "cc-by-nc-sa-4.0",
        "mit",
        "apache-2.0",
        "pddl",
        "unknown",
    }
)
MOST_ROWS = 50  # of a table of the card


def card(manifest: Manifest, records: Iterable[PhotoRecord], repository: str = "OWNER/NAME") -> str:
    """The dataset card, Markdown with a YAML header: what the archive is, of whose photos, and how to use it."""
    from huggingface_hub import DatasetCardData

    hosts, authors = Counter[str](), set[str]()
    for record in records:
        hosts[_host(record.source_url)] += 1
        authors.add(record.author)
    licences, photos = manifest.licences, f"{manifest.photos:,} photos"
    header = DatasetCardData(
        pretty_name=f"ReCo archive of {photos}, preset {manifest.preset}",
        **_licence(licences),
        size_categories=[_size(manifest.photos)],
        task_categories=["image-segmentation"],
        tags=["reco", "image-retrieval", "embeddings", f"preset:{manifest.preset}"],
        viewer=False,
    ).to_yaml()
    return f"""---
{header}
---

# ReCo archive of {photos}

An archive of [ReCo](https://arxiv.org/abs/2206.07045) (Retrieve and Co-segment), which segments photos by typed names.
It holds global embeddings, compressed dense features and the credits of {photos}. **It holds no pixels**: photos stay
where they were published, at the addresses that the credits give.

- Preset: `{manifest.preset}`, weights `{manifest.weights}` (an archive fits no other model)
- Archive: `{manifest.hash}` (SHA-256 of manifest.json)
- Photos: {manifest.photos:,}, by {len(authors - {""}):,} named authors

## Use

```
reco archive pull {repository} --out FOLDER
reco segment PHOTO "cat, wall" --preset {manifest.preset} --archive FOLDER --out RESULT
```

## Licences of the photos

Stated by their sources; per photo, with author, title and address, in the archive's credits.

{_table("Licence", licences)}

## Sources

{_table("Host", hosts)}

## Left out

{_table("Reason, such as a near-duplicate", manifest.left_out) if manifest.left_out else "No photo was left out."}

## Having a photo taken down

Open a discussion in this repository's Community tab that names the photo's address. Its owner then runs

```
reco archive remove FOLDER --where source_url=ADDRESS --yes
reco archive push FOLDER {repository}
```

and squashes the repository's history, since earlier commits still hold what they held.
"""


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
    return name if name in HUB_LICENCES else ""


def _size(photos: int) -> str:
    """The hub's category of a size, such as "1K<n<10K"."""
    steps = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"]
    above = [step for i, step in enumerate(steps) if photos >= 1000 * 10**i]
    if not above:
        return "n<1K"
    return f"{above[-1]}<n<{steps[len(above)]}" if len(above) < len(steps) else "1B<n<10B"


def _table(title: str, counts: Mapping[str, int]) -> str:
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"| {_cell(name)} | {count:,} |" for name, count in rows[:MOST_ROWS]]
    if more := rows[MOST_ROWS:]:
        shown.append(f"| {len(more):,} others | {sum(count for _, count in more):,} |")
    return "\n".join([f"| {title} | Photos |", "|---|---:|", *shown])


def _cell(text: str) -> str:
    """Text as it is, whatever Markdown or HTML it looks like."""
    return re.sub(r"([\\|`*<>\[\]])", r"\\\1", " ".join(text.split()))
