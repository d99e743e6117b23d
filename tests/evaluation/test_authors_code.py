"""What the authors' code does otherwise than their text: each difference alone, against naive loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reco_core.evaluation.authors_code import ALL, AuthorsCode, as_authors_code, cosegment, feed_as_authors, span_maxima
from reco_core.segmentation import cosegmentation


def only(*names: str) -> AuthorsCode:
    return AuthorsCode(**dict.fromkeys(names, True))


@pytest.fixture(scope="module")
def photos() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(5, 6, 8, generator=generator) * torch.rand(5, 6, 1, generator=generator)
    return features, torch.rand(5, 6, generator=generator) * 0.9 + 0.1


def test_span_is_an_end_index_used_as_a_length():
    maxima = torch.rand(5, 6, 5, generator=torch.Generator().manual_seed(1))
    spanned = span_maxima(maxima)
    for i in range(5):
        last = min(2 * i, 4)
        np.testing.assert_allclose(spanned[..., i], maxima.numpy()[..., i : last + 1].max(-1))


def test_support_of_the_span_by_hand(photos):
    features, weights = photos
    unit = F.normalize(features, dim=-1).numpy()
    found = cosegment(features, weights, only("span"))
    for image in range(5):
        for p in range(6):
            best = [max(float(unit[image, p] @ unit[j, q]) * float(weights[j, q]) for q in range(6)) for j in range(5)]
            expected = np.mean([max(best[i : min(2 * i, 4) + 1]) for i in range(5)])
            assert float(found.support[image, p]) == pytest.approx(expected, abs=1e-5)


def test_without_differences_it_is_the_text(photos):
    ours, theirs = cosegmentation.cosegment(*photos, precision=torch.float32), cosegment(*photos, only())
    torch.testing.assert_close(ours.support, theirs.support)
    torch.testing.assert_close(ours.reference, theirs.reference)


def test_raw_seeds_are_averaged(photos):
    features, weights = photos
    found = cosegment(features, weights, only("raw_seeds"))
    mean = torch.stack([features[i, seed] for i, seed in enumerate(found.seeds)]).mean(0)
    torch.testing.assert_close(found.reference, mean / mean.norm())
    assert not torch.allclose(found.reference, cosegmentation.cosegment(features, weights).reference)


def test_vegetation_is_tree(reco):
    ours = reco.prepare(["vegetation", "tree"], background=()).concepts
    theirs = as_authors_code(reco, only("vegetation_is_tree"))
    vegetation, tree = theirs.prepare(["vegetation", "tree"], background=()).concepts
    assert torch.equal(vegetation.reference, tree.reference)
    assert not torch.equal(vegetation.text, tree.text)
    assert vegetation.name == "vegetation"
    assert not torch.equal(ours[0].reference, ours[1].reference)
    torch.testing.assert_close(tree.reference, ours[1].reference)  # nothing else is another


@pytest.mark.parametrize("option", ["imagenet_mean", "nearest_resize"])
def test_photos_enter_otherwise(reco, cat, option):
    plain, changed = reco.encoder, feed_as_authors(reco.encoder, only(option))
    assert not torch.allclose(plain.encode_photo(cat).features, changed.encode_photo(cat).features, atol=1e-3)
    assert changed.hash == plain.hash


def test_everything_at_once_still_finds_the_cat(reco, cat):
    theirs = as_authors_code(reco)
    assert theirs.concepts.authors == ALL
    concept = theirs.prepare(["cat"], background=()).concepts[0]
    assert [e.support for e in concept.exemplars] != [e.support for e in reco.prepare(["cat"]).concepts[0].exemplars]
    result = theirs.segment(cat, theirs.prepare(["cat", "wall"]))
    assert (result.labels[80:220, 130:300] == 1).mean() > 0.5


def test_our_methods_have_no_authors_way(reco):
    ours = reco.prepare(["cat"], method="reco2", background=()).concepts[0]
    theirs = as_authors_code(reco, only("span", "raw_seeds", "guidance_resized"))
    learned = theirs.prepare(["cat"], method="reco2", background=(), context=()).concepts[0]
    assert [e.row for e in learned.exemplars] == [e.row for e in ours.exemplars]
