from pathlib import Path

import numpy as np
import pytest
import torch
from experiments import experiment
from made_corpus import build, document

from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig
from runners.measures.finetune import FinetuneConfig, finetune
from runners.measures.text_model import TextModel
from runners.training.pretrain import initial_model
from runners.training.trainer import TrainerConfig


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(40)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    return build(tmp_path_factory.mktemp("own"), rows)


@pytest.mark.parametrize(
    ("spoilt", "learning_rate", "works"),
    [(False, 3e-4, True), (True, 3e-4, False), (False, 1e38, False)],
)
def test_a_model_that_gives_no_numbers_predicts_nothing(
    own: Corpus,
    trainer: TrainerConfig,
    tmp_path: Path,
    spoilt: bool,
    learning_rate: float,
    works: bool,
) -> None:
    dataset = LocalConfig(path="x", sequence_length=32)
    model = initial_model(experiment(None, dataset, tmp_path).recipe, own).eval()
    if spoilt:
        with torch.no_grad():
            model.backbone.token_embedding.weight[5:] = torch.nan
    read = TextModel(
        model, own, attention="causal", likelihood="causal", pooling="mean", trainer=trainer
    )
    texts = own.documents("train")["text"].tolist()
    config = FinetuneConfig(epochs=1, rows_per_update=40, learning_rate=learning_rate)
    found = finetune(read, texts, np.arange(40) % 2, texts[:5], config=config, seed=0)
    assert (found is not None) == works
