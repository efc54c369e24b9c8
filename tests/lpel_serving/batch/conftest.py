"""What tests of batch jobs share."""

from pathlib import Path

import pytest

from support.batch import write_pictures


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Six small pictures in the folder ``tmp_path``."""
    return write_pictures(tmp_path)
