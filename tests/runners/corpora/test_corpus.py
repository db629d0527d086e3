import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.document import SPLITS
from runners.corpora.local import LocalConfig
from runners.corpora.pydocs import PydocsConfig


def silent(line: str) -> None:
    pass


def test_rows_hold_the_documents_text(corpus: Corpus) -> None:
    documents = corpus.documents("test")
    rows = corpus.rows("test")
    for index in (0, 7, len(documents) - 1):
        own = [i for i in range(len(rows)) if rows.table["document"][i] == index]
        ids = np.concatenate([rows.tokens(i) for i in own])
        assert corpus.tokenizer.decode(ids.tolist()) == documents["text"][index]
        num_bytes = sum(int(rows.table["num_bytes"][i]) for i in own)
        assert num_bytes == len(documents["text"][index].encode())
    assert len(documents) == corpus.card.documents.kept["test"]


def test_no_text_or_module_is_on_two_sides(corpus: Corpus) -> None:
    texts, groups = [], []
    for split in SPLITS:
        documents = corpus.documents(split)
        texts.append(set(documents["text"]))
        groups.append(set(documents["group"]))
    for first, second in itertools.combinations(range(3), 2):
        assert not texts[first] & texts[second]
        assert not groups[first] & groups[second]


def test_the_splits_are_alike_under_a_unigram_model(corpus: Corpus) -> None:
    nats = corpus.card.unigram_nats
    assert max(nats.values()) - min(nats.values()) < 0.15


def test_the_batch_at_a_step_follows_from_data_seed_and_step(corpus: Corpus) -> None:
    whole = list(itertools.islice(corpus.batches("train", batch_size=8, seed=3), 12))
    late = next(corpus.batches("train", batch_size=8, seed=3, start_step=9))
    assert whole[9].input_ids.equal(late.input_ids)
    assert whole[9].row_ids.equal(late.row_ids)
    other = next(corpus.batches("train", batch_size=8, seed=4))
    assert not whole[0].row_ids.equal(other.row_ids)


def test_batches_are_rows_between_their_ends(corpus: Corpus) -> None:
    batch = next(corpus.batches("train", batch_size=16, seed=0))
    vocabulary = corpus.vocabulary
    lengths = batch.attention_mask.sum(1)
    assert (batch.input_ids[:, 0] == vocabulary.cls_id).all()
    for row, length in zip(batch.input_ids, lengths, strict=True):
        assert row[length - 1] == vocabulary.sep_id
        assert (row[length:] == vocabulary.pad_id).all()
        assert not vocabulary.is_special[row[1 : length - 1]].any()
    assert batch.input_ids.shape[1] <= corpus.card.sequence_length


def test_little_is_padding(corpus: Corpus) -> None:
    batches = list(itertools.islice(corpus.batches("train", batch_size=8, seed=0), 200))
    real = sum(int(batch.attention_mask.sum()) for batch in batches)
    assert real / sum(batch.attention_mask.numel() for batch in batches) > 0.9


def test_it_is_built_once_and_the_same_every_time(
    corpus: Corpus, built: Path, small_pydocs: PydocsConfig, tmp_path: Path
) -> None:
    said: list[str] = []
    again = build_corpus(small_pydocs, output_dir=built, say=said.append)
    assert not said
    assert again.folder == corpus.folder
    elsewhere = build_corpus(small_pydocs, output_dir=tmp_path, say=said.append)
    assert said
    assert elsewhere.card == corpus.card


def test_another_setting_is_another_corpus(
    built: Path, small_pydocs: PydocsConfig, corpus: Corpus
) -> None:
    shorter = build_corpus(replace(small_pydocs, sequence_length=32), output_dir=built, say=silent)
    assert shorter.folder != corpus.folder
    assert shorter.rows("train").table["length"].max() == 30


def test_an_interrupted_build_leaves_nothing_half_written(
    tmp_path: Path, small_pydocs: PydocsConfig
) -> None:
    def stop(line: str) -> None:
        if line.startswith("tokenizing"):
            raise KeyboardInterrupt

    few = replace(small_pydocs, max_documents=2000)
    with pytest.raises(KeyboardInterrupt):
        build_corpus(few, output_dir=tmp_path, say=stop)
    assert not list((tmp_path / "corpora").glob("*/*"))
    assert build_corpus(few, output_dir=tmp_path, say=silent).card.rows["train"] > 0


def test_a_damaged_corpus_says_what_to_do(
    tmp_path: Path, corpus: Corpus, small_pydocs: PydocsConfig
) -> None:
    copy = tmp_path / "corpora" / corpus.folder.name
    shutil.copytree(corpus.folder, copy)
    file = copy / "train-00000.tokens"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged .* delete"):
        build_corpus(small_pydocs, output_dir=tmp_path, say=silent)


@pytest.mark.parametrize("content", ["", "only one line", "a\n\nb\n\nc"])
def test_a_corpus_that_is_too_small_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.txt").write_text(content)
    with pytest.raises(ValueError, match="too small"):
        build_corpus(LocalConfig(path=str(tmp_path / "t.txt")), output_dir=tmp_path, say=silent)
    assert not list((tmp_path / "corpora").glob("t.txt-*/"))


def test_the_card_is_plain_json(corpus: Corpus) -> None:
    card = json.loads((corpus.folder / "card.json").read_text())
    assert card["fingerprint"] == corpus.card.fingerprint
    assert sum(card["num_bytes"].values()) == sum(
        len(text.encode()) for split in SPLITS for text in corpus.documents(split)["text"]
    )
