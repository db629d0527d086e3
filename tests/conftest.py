import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models.backbones.vanilla import VanillaConfig
from models.batch import Batch
from models.config import BackboneConfig
from models.vocabulary import Vocabulary
from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.pydocs import PydocsConfig
from runners.training.trainer import TrainerConfig

SPECIAL, ORDINARY_END = 12, 212
"""Ordinary ids lie between the two; 20 sentinels stand after them."""


def _text(index: int) -> str:
    """Every third token continues a word, every seventh ends a sentence."""
    if index < SPECIAL or index >= ORDINARY_END:
        return ""
    return (
        "." if index % 7 == 0 else f"{'' if index % 3 == 0 else ' '}{chr(97 + index % 26)}{index}"
    )


VOCABULARY = Vocabulary(
    size=232,
    cls_id=0,
    sep_id=1,
    pad_id=2,
    mask_id=3,
    special_ids=(*range(SPECIAL), *range(ORDINARY_END, 232)),
    sentinel_ids=tuple(range(ORDINARY_END, 232)),
    mode_ids=(9, 10, 11),
    tokens=tuple(_text(index) for index in range(232)),
)


@pytest.fixture(autouse=True)
def fixed_threads() -> Iterator[None]:
    """Two threads and torch's own defaults for every test, whatever the last one set."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def vocabulary() -> Vocabulary:
    return VOCABULARY


@pytest.fixture
def config() -> BackboneConfig:
    return VanillaConfig(
        hidden_size=32, num_layers=2, num_heads=4, intermediate_size=64, max_length=64
    )


def make_batch(lengths: list[int], *, width: int | None = None, seed: int = 0) -> Batch:
    """Rows of ordinary tokens between [CLS] and [SEP]; `lengths` counts the ordinary ones.

    Every row of three tokens or more holds three texts of about equal length.
    """
    generator = torch.Generator().manual_seed(seed)
    width = width or max(lengths) + 2
    input_ids = torch.full((len(lengths), width), VOCABULARY.pad_id)
    for row, length in zip(input_ids, lengths, strict=True):
        row[0] = VOCABULARY.cls_id
        row[1 : length + 1] = torch.randint(SPECIAL, ORDINARY_END, (length,), generator=generator)
        row[length + 1] = VOCABULARY.sep_id
    mask = torch.arange(width) < torch.tensor(lengths)[:, None] + 2
    starts = [[1 + n // 3, 1 + 2 * n // 3] if n >= 3 else [0, 0] for n in lengths]
    return Batch(input_ids, mask, torch.arange(len(lengths)), torch.tensor(starts))


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
def trainer() -> TrainerConfig:
    return TrainerConfig(device="cpu", dtype="float32", threads=2)


@pytest.fixture(scope="session")
def hub_dir() -> Path:
    """A folder of real data sets; set COMPARE_HUB_DIR to run the tests that need it."""
    folder = os.environ.get("COMPARE_HUB_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("COMPARE_HUB_DIR does not name a folder of data sets")
    return Path(folder)
