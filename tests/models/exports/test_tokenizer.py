import json
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import save_checkpoint, save_tokenizer
from transformers import AutoTokenizer

from models.exports.tokenizer import roles_of
from models.exports.tokenizer import save_tokenizer as export_tokenizer
from runners.corpora.corpus import Corpus
from runners.corpora.tokenizer import load_pretrained

TEXTS = ["The sum of [MASK] and </s>.", "naïve café — 東京\n\n\tx = 1", "word " * 90, ""]
LONGEST = 32


@pytest.mark.parametrize("reads_special", [False, True])
def test_rows_of_texts_are_those_of_the_corpus(
    corpus: Corpus, tmp_path: Path, reads_special: bool
) -> None:
    export_tokenizer(corpus.folder, tmp_path, longest=LONGEST, reads_special=reads_special)
    theirs: Any = AutoTokenizer.from_pretrained(tmp_path)
    ours = corpus.batch([e.ids[: LONGEST - 2] for e in corpus.tokenizer.encode(TEXTS)], padded_to=1)
    found = theirs(TEXTS, padding=True, truncation=True, return_tensors="pt")
    assert set(found) == {"input_ids", "attention_mask"}
    first = 1 if reads_special else 0  # of the texts that are read alike
    assert torch.equal(found["input_ids"][first:], ours.input_ids[first:])
    assert torch.equal(found["attention_mask"].bool()[first:], ours.attention_mask[first:])
    assert (corpus.vocabulary.mask_id in found["input_ids"][0]) is reads_special
    assert theirs.mask_token_id == corpus.vocabulary.mask_id
    assert theirs.pad_token_id == corpus.vocabulary.pad_id
    assert len(theirs) == corpus.vocabulary.size
    said = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert said["tokenizer_class"] == "PreTrainedTokenizerFast"  # as transformers 4 knows it too


def test_two_texts_stand_in_one_row_as_probes_read_them(corpus: Corpus, tmp_path: Path) -> None:
    export_tokenizer(corpus.folder, tmp_path, longest=LONGEST, reads_special=False)
    theirs: Any = AutoTokenizer.from_pretrained(tmp_path)
    ((batch, _),) = corpus.text_batches([("one text", "another")], batch_size=1)
    assert theirs("one text", "another")["input_ids"] == batch.input_ids[0].tolist()


def test_a_checkpoints_tokenizer_goes_on_as_it_was_read(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "start", "bert")
    save_tokenizer(tmp_path / "start", TEXTS, vocabulary_size=300)
    ours = load_pretrained(str(tmp_path / "start"))
    (tmp_path / "corpus").mkdir()
    ours.save(tmp_path / "corpus")
    export_tokenizer(tmp_path / "corpus", tmp_path / "end", longest=64, reads_special=False)
    theirs: Any = AutoTokenizer.from_pretrained(tmp_path / "end")
    for text, encoded in zip(TEXTS, ours.encode(TEXTS), strict=True):
        ids = [ours.vocabulary.cls_id, *encoded.ids, ours.vocabulary.sep_id]
        assert theirs(text)["input_ids"] == ids
    assert roles_of(tmp_path / "corpus")[1].pad_id == theirs.pad_token_id


def test_a_tokenizer_that_transformers_reads_otherwise_is_refused(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        @staticmethod
        def from_pretrained(folder: Path) -> Any:
            return lambda text, **settings: {"input_ids": [0, 5, 1]}

    monkeypatch.setattr("transformers.AutoTokenizer", Wrong)
    with pytest.raises(ValueError, match="does not read this tokenizer as it was trained with"):
        export_tokenizer(corpus.folder, tmp_path, longest=LONGEST, reads_special=False)
