"""The data sets' folders, laid out once."""

from pathlib import Path

import pytest
from support.official import lay_out


@pytest.fixture(scope="session")
def official(tmp_path_factory) -> Path:
    return lay_out(tmp_path_factory.mktemp("official"))
