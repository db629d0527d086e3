from pathlib import Path

import numpy as np
import pytest
import torch
from experiments import experiment
from made_corpus import build, document

from runners.corpora.corpus import Corpus
from runners.corpora.local import LocalConfig
from runners.finetune import FinetuneConfig, finetune
from runners.pretrain import initial_model
from runners.pretrained import Pretrained
from runners.trainer import TrainerConfig


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(40)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    return build(tmp_path_factory.mktemp("own"), rows)


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_model_that_gives_no_numbers_predicts_nothing(
    own: Corpus, trainer: TrainerConfig, tmp_path: Path, spoilt: bool
) -> None:
    dataset = LocalConfig(path="x", sequence_length=32)
    model = initial_model(experiment(None, dataset, tmp_path), own).eval()
    if spoilt:
        with torch.no_grad():
            model.backbone.token_embedding.weight[5:] = torch.nan
    read = Pretrained(
        model, own, attention="causal", likelihood="causal", pooling="mean", trainer=trainer
    )
    texts = own.documents("train")["text"].tolist()
    config = FinetuneConfig(epochs=1)
    found = finetune(read, texts, np.arange(40) % 2, texts[:5], config=config, seed=0)
    assert (found is None) == spoilt
