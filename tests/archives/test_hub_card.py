"""The dataset card: read back by the hub's own client, whatever the licences are called."""

import pytest
import yaml

from reco_core.archives import manifest
from reco_core.archives.hub_card import card
from reco_core.types import PhotoRecord

ODD = 'CC "BY": 4.0 | #1 <b>{x}</b>\n---\nür 日本 🙂 \\ \'s'


def record(i: int, source_url: str = "https://photos.example/p.jpg", author: str = "") -> PhotoRecord:
    return PhotoRecord.of({"file": f"{i}.jpg", "source_url": source_url, "author": author or f"author {i % 2}"})


def manifest_with(licences: dict[str, int], left_out: dict[str, int] | None = None) -> manifest.Manifest:
    part = manifest.Part(sum(licences.values()), {}, "none", licences, left_out=left_out or {})
    return manifest.Manifest("mini", "ab" * 32, 8, (1, 1), (1, 1), (part,), {}, {})


def header(text: str) -> dict:
    """The card's header, read by the hub's own client and by a YAML parser."""
    from huggingface_hub import DatasetCard

    loaded = yaml.safe_load(text.partition("\n---\n")[0].removeprefix("---\n"))
    assert DatasetCard(text).data.to_dict() == loaded
    assert DatasetCard(text).text.lstrip().startswith("# ReCo archive")
    return loaded


def test_a_card_of_many_licences():
    records = [
        record(0),
        record(1, source_url="https://a.example:80/x|y"),
        record(2, source_url="http://[broken"),
        PhotoRecord.of({"file": "nobody.jpg", "source_url": "https://photos.example/"}),
    ]
    text = card(manifest_with({"MIT": 3, ODD: 1}, {"near-duplicate": 12}), records, "someone/photos")
    about = header(text)
    assert about["license"] == "other"
    assert about["license_name"]
    assert about["license_details"] == f"MIT (3 photos); {ODD} (1 photos)"
    assert about["size_categories"] == ["n<1K"]
    assert "reco" in about["tags"]
    assert about["pretty_name"] == "ReCo archive of 4 photos, preset mini"
    lines = text.splitlines()
    assert "| MIT | 3 |" in lines
    assert r"""| CC "BY": 4.0 \| #1 \<b\>{x}\</b\> --- ür 日本 🙂 \\ 's | 1 |""" in lines
    assert "| photos.example | 2 |" in lines
    assert "| a.example | 1 |" in lines
    assert "| not stated | 1 |" in lines
    assert "| near-duplicate | 12 |" in lines
    for phrase in (
        "by 2 named authors",
        "no pixels",
        "ab" * 32,
        "archive pull someone/photos",
        "--archive FOLDER",
        "archive remove",
    ):
        assert phrase in text


@pytest.mark.parametrize(
    ("licence", "known"),
    [
        ("CC BY 4.0", "cc-by-4.0"),
        ("MIT", "mit"),
        ("https://creativecommons.org/licenses/by/2.0/", "cc-by-2.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0", "cc-by-nc-sa-3.0"),
        ("CC0 1.0", "cc0-1.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
        ("CC BY 4.0 (CaltechDATA)", "other"),
        ("https://evil.example/https://creativecommons.org/licenses/by/2.0/", "other"),
        ("", "other"),
        (ODD, "other"),
    ],
)
def test_a_card_of_one_licence(licence, known):
    about = header(card(manifest_with({licence: 2}), []))
    assert about["license"] == known
    assert ("license_details" in about) == (known == "other")


@pytest.mark.parametrize(
    ("photos", "size"),
    [
        (1, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (6874, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (999_999, "100K<n<1M"),
        (10**6, "1M<n<10M"),
        (10**9, "1B<n<10B"),
    ],
)
def test_a_card_tells_the_size(photos, size):
    assert header(card(manifest_with({"MIT": photos}), []))["size_categories"] == [size]


def test_a_card_of_thumbnails():
    text = card(manifest_with({"MIT": 1500}), [], thumbnails=1234)
    assert "**It holds thumbnails** of 1,234 of them" in text
    assert "no pixels" not in text


def test_a_card_does_not_grow_without_end():
    many = {f"licence {i}": 1 for i in range(1000)}
    text = card(manifest_with(many), [record(i, source_url=f"https://{i}.example/") for i in range(1000)])
    assert header(text)["license_details"].endswith("; 950 more")
    assert text.count("\n| 950 others | 950 |") == 2
    assert len(text) < 10_000
