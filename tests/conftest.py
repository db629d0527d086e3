import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models.batch import Batch
from models.config import BackboneConfig
from models.vocabulary import Vocabulary
from objectives.prepared import Prepared
from objectives.trainable import Leaf
from runners.checks import CONFIG, VOCABULARY
from runners.checks import ORDINARY_END as ORDINARY_END
from runners.checks import SPECIAL as SPECIAL
from runners.checks import made_batch as make_batch
from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.pydocs import PydocsConfig
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.trainer import TrainerConfig

LONGEST = (
    "test_processes.py",
    "test_run.py",
    "test_parent.py",
    "test_hydra_app.py",
    "test_jobs.py",
)
"""Files that begin first, so that no process of several ends with one of them alone."""


def pytest_configure() -> None:
    """A shell that puts the tests into the background has them ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(autouse=True)
def fixed_threads() -> Iterator[None]:
    """The same threads and torch's own defaults for every test, whatever the last one set."""
    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)
    torch.manual_seed(0)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def vocabulary() -> Vocabulary:
    return VOCABULARY


@pytest.fixture
def config() -> BackboneConfig:
    return CONFIG


@pytest.fixture
def batch() -> Batch:
    return make_batch([14, 9, 14, 3])


@pytest.fixture(scope="session")
def small_pydocs() -> PydocsConfig:
    """A few hundred modules of real docstrings: seconds, not minutes."""
    return PydocsConfig(
        libraries=("stdlib", "numpy", "pandas", "scipy", "matplotlib", "sympy"),
        max_files=110,
        validation_share=0.05,
        test_share=0.25,
        sequence_length=64,
        vocabulary_size=1024,
    )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output directory of the session's corpus."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="session")
def corpus(built: Path, small_pydocs: PydocsConfig) -> Corpus:
    return build_corpus(small_pydocs, output_dir=built, say=lambda line: None)


@pytest.fixture
def output(built: Path, corpus: Corpus, tmp_path: Path) -> Path:
    """An output directory that has the session's corpus already."""
    shutil.copytree(built / "corpora", tmp_path / "out" / "corpora")
    return tmp_path / "out"


@pytest.fixture
def trainer() -> TrainerConfig:
    return AdamWConfig(device="cpu", dtype="float32", threads=2)


@pytest.fixture(scope="session")
def hub_dir() -> Path:
    """A folder of real data sets; set COMPARE_HUB_DIR to run the tests that need it."""
    folder = os.environ.get("COMPARE_HUB_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("COMPARE_HUB_DIR does not name a folder of data sets")
    return Path(folder)


def only(leaves: tuple[Leaf, ...]) -> Prepared:
    """The input of what is one leaf."""
    (leaf,) = leaves
    return leaf.prepared
