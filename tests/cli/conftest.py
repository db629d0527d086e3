import shutil
from pathlib import Path

import pytest

from runners.corpora.corpus import Corpus


@pytest.fixture
def output(built: Path, corpus: Corpus, tmp_path: Path) -> Path:
    """An output directory that has the session's corpus already."""
    shutil.copytree(built / "corpora", tmp_path / "out" / "corpora")
    return tmp_path / "out"
