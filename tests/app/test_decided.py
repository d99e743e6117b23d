"""How a name was decided, as the viewer is told."""

import base64
import io

import numpy as np
from PIL import Image

from reco_app.decided import decided


def test_maps_are_grey_pngs_with_titles(reco, cat):
    references, encoded = reco.prepare(["wall", "cat"], method="reco2"), reco.encode(cat)
    shown, maps = (call(cat, references, 2, method="reco2", encoded=encoded) for call in (_decided(reco), reco.explain))
    assert [entry["title"] for entry in shown] == list(maps)
    for entry, values in zip(shown, maps.values(), strict=True):
        kind, _, data = entry["address"].partition(",")
        assert (entry["name"], kind) == ("cat", "data:image/png;base64")
        np.testing.assert_array_equal(Image.open(io.BytesIO(base64.b64decode(data))), values)


def _decided(reco):
    return lambda *given, **options: decided(reco, *given, **options)
