import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tokenizer import TEXTS, save_gpt2_like, save_with_unknown
from tokenizers import pre_tokenizers

from models.vocabulary import SPECIAL_TOKENS
from runners.corpora.tokenizer import TextTokenizer, chunk, load_pretrained, train_bpe

TOKENIZER = train_bpe(TEXTS, 600)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_byte_level_bpe_is_lossless(text: str) -> None:
    (encoded,) = TOKENIZER.encode([text])
    assert TOKENIZER.decode(encoded.ids) == text


def test_special_tokens_in_a_text_are_text() -> None:
    (encoded,) = TOKENIZER.encode(["Predict [MASK] [PAD] <extra_id_0> [CLS]."])
    assert not set(encoded.ids) & set(TOKENIZER.vocabulary.special_ids)


def test_every_role_is_there_from_the_start() -> None:
    vocabulary = TOKENIZER.vocabulary
    assert len(vocabulary.special_ids) == len(SPECIAL_TOKENS) == 107
    assert len(vocabulary.ordinary_ids) == vocabulary.size - 107
    assert not vocabulary.is_special[vocabulary.ordinary_ids].any()
    ids = {vocabulary.cls_id, vocabulary.sep_id, vocabulary.pad_id, vocabulary.mask_id}
    assert len(ids) == 4
    assert ids <= set(vocabulary.special_ids)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=200), st.integers(1, 20))
def test_chunks_cover_the_text_and_its_bytes(text: str, size: int) -> None:
    (encoded,) = TOKENIZER.encode([text])
    rows = chunk(encoded, text, size)
    assert [i for ids, _ in rows for i in ids] == encoded.ids
    assert sum(num_bytes for _, num_bytes in rows) == len(text.encode())
    assert all(0 < len(ids) <= size for ids, _ in rows)


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n\t'ab1-."), max_size=80)
)
def test_words_are_split_as_by_gpt2(text: str) -> None:
    ours = TOKENIZER._tokenizer.pre_tokenizer.pre_tokenize_str(text)
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    assert ours == gpt2


@pytest.mark.parametrize("letters", ["ACGT", "天地人山水", " "])
def test_one_endless_word_takes_seconds_and_is_kept(letters: str) -> None:
    """The trainer's time grows with the square of a word: without a limit this takes minutes."""
    text = "".join(random.Random(0).choices(letters, k=200_000))
    began = time.process_time()
    tokenizer = train_bpe([text], 700)
    (encoded,) = tokenizer.encode([text])
    assert time.process_time() - began < 5
    assert tokenizer.decode(encoded.ids) == text


@pytest.mark.parametrize("kind", ["WordPiece", "WordLevel", "Unigram"])
def test_what_stands_for_unknown_text_is_text(tmp_path: Path, kind: str) -> None:
    save_with_unknown(tmp_path, kind)
    loaded = load_pretrained(str(tmp_path))
    vocabulary = loaded.vocabulary
    (encoded,) = loaded.encode(["The quick \N{GRINNING FACE} fox"])
    assert loaded.unknown_id in encoded.ids
    assert loaded.unknown_id not in vocabulary.special_ids
    assert loaded.unknown_id in vocabulary.ordinary_ids
    assert vocabulary.pad_id in vocabulary.special_ids
    loaded.save(tmp_path)
    assert TextTokenizer.load(tmp_path).unknown_id == loaded.unknown_id


def test_a_lossless_tokenizer_has_nothing_unknown(tmp_path: Path) -> None:
    save_gpt2_like(tmp_path)
    assert TOKENIZER.unknown_id is None
    assert load_pretrained(str(tmp_path)).unknown_id is None


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    TOKENIZER.save(tmp_path)
    loaded = TextTokenizer.load(tmp_path)
    assert loaded.fingerprint == TOKENIZER.fingerprint
    assert loaded.vocabulary == TOKENIZER.vocabulary
    assert loaded.encode(TEXTS[:5]) == TOKENIZER.encode(TEXTS[:5])


def test_the_same_texts_give_the_same_vocabulary_in_another_process() -> None:
    code = (
        "import json, sys; from runners.corpora.tokenizer import train_bpe;"
        "print(train_bpe(json.load(sys.stdin), 600).fingerprint)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "99"},
    )
    assert other.stdout.strip() == TOKENIZER.fingerprint


def test_a_transformers_tokenizer_gets_the_tokens_it_lacks(tmp_path: Path) -> None:
    save_gpt2_like(tmp_path)
    loaded = load_pretrained(str(tmp_path))
    vocabulary = loaded.vocabulary
    # A token that the checkpoint lacks would stand before all that is read.
    own = vocabulary.tokens.index("<|endoftext|>")
    assert vocabulary.cls_id == vocabulary.sep_id == own
    assert len({own, vocabulary.pad_id, vocabulary.mask_id}) == 3
    assert {own, vocabulary.pad_id, vocabulary.mask_id} <= set(vocabulary.special_ids)
    (encoded,) = loaded.encode(["The quick <|endoftext|> fox"])
    assert not set(encoded.ids) & set(vocabulary.special_ids)
    assert loaded.decode(encoded.ids) == "The quick <|endoftext|> fox"
    assert vocabulary.size == 400 + len(SPECIAL_TOKENS) - 2


def test_a_tokenizer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dataset\.tokenizer"):
        load_pretrained(str(tmp_path / "none"))
    with pytest.raises(ValueError, match=r"cannot be loaded: it holds none that .* can read\. Use"):
        load_pretrained(str(tmp_path))
