"""Text to token ids: byte-level BPE trained on the corpus, or any transformers tokenizer."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Tokenizer

from models.vocabulary import CLS, MASK, MODES, PAD, SENTINELS, SEP, SPECIAL_TOKENS, Vocabulary
from runners.corpora.document import Document, hash_files
from runners.hub import model_folder

TOKENIZER_FILES = ("*.json", "*.txt", "*.model")

TRAINING_BYTES = 64 * 2**20
"""The trainer sees at most so much text: merges settle long before."""

LONGEST_WORD = 256
_WORD = (
    r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}{1,N}| ?\p{N}{1,N}| ?[^\s\p{L}\p{N}]{1,N}|\s{1,N}(?!\S)|\s{1,N}"
).replace(",N", f",{LONGEST_WORD}")
"""What GPT-2 takes for a word, with a limit to its length."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One tokenized text, without special tokens.

    Attributes:
        ids: token ids.
        starts: for each token, the character at which it starts.
    """

    ids: list[int]
    starts: list[int]


class TextTokenizer:
    """A `tokenizers.Tokenizer` that treats "[MASK]" in a text as text, and knows its roles.

    Args:
        tokenizer: the compiled tokenizer, which holds every token of SPECIAL_TOKENS or a token
            of its own for the same role.
        roles: token of each of the roles CLS, SEP, PAD and MASK.

    Attributes:
        unknown_id: of the token that stands for text which the tokenizer does not know, or None.
            It is text like any other, read and predicted, although tokenizers call it special.
    """

    def __init__(self, tokenizer: Tokenizer, roles: dict[str, str]) -> None:
        self._tokenizer = tokenizer
        self._roles = roles
        tokenizer.encode_special_tokens = True  # docstrings speak of "[MASK]" and "</s>" a lot
        tokenizer.no_padding()
        tokenizer.no_truncation()
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        ids = {role: vocabulary[token] for role, token in roles.items()}
        special = {
            index for index, token in tokenizer.get_added_tokens_decoder().items() if token.special
        }
        size = max(vocabulary.values()) + 1  # an id may be unused
        unknown = _unknown_token(tokenizer)
        self.unknown_id = None if unknown in roles.values() else vocabulary.get(unknown)
        self.vocabulary = Vocabulary(
            size=size,
            cls_id=ids[CLS],
            sep_id=ids[SEP],
            pad_id=ids[PAD],
            mask_id=ids[MASK],
            special_ids=tuple(sorted((special | set(ids.values())) - {self.unknown_id})),
            sentinel_ids=tuple(vocabulary[token] for token in SENTINELS),
            mode_ids=tuple(vocabulary[token] for token in MODES),
            tokens=_token_texts(tokenizer, size),
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of vocabulary, merges and roles."""
        content = self._tokenizer.to_str() + json.dumps(self._roles, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Token ids of each text, and where each token starts in it."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [Encoded(e.ids, [start for start, _ in e.offsets]) for e in encodings]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and `tokenizer_roles.json`."""
        self._tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_roles.json").write_text(json.dumps(self._roles, indent=1))

    @classmethod
    def load(cls, folder: Path) -> "TextTokenizer":
        """Read what `save` wrote."""
        roles = json.loads((folder / "tokenizer_roles.json").read_text())
        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), roles)


def _unknown_token(tokenizer: Tokenizer) -> str:
    """What the tokenizer writes in place of text that it does not know, or ""."""
    model = json.loads(tokenizer.to_str())["model"]
    if model["type"] == "Unigram":
        return "" if model["unk_id"] is None else str(model["vocab"][model["unk_id"]][0])
    return str(model.get("unk_token") or "")


def _token_texts(tokenizer: Tokenizer, size: int) -> tuple[str, ...]:
    """The text of every token, with a space before those that begin a word after a space."""
    kinds = json.loads(tokenizer.to_str())
    model, decoder = kinds["model"]["type"], (kinds["decoder"] or {}).get("type")
    texts = []
    for index in range(size):
        token = tokenizer.id_to_token(index) or ""
        if model == "WordPiece":
            prefix = kinds["model"]["continuing_subword_prefix"]
            token = token[len(prefix) :] if token.startswith(prefix) else f" {token}"
        elif decoder == "ByteLevel":
            token = tokenizer.decode([index], skip_special_tokens=False)
        texts.append(token.replace("\N{LOWER ONE EIGHTH BLOCK}", " "))  # SentencePiece's space
    return tuple(texts)


def train_bpe(texts: Iterable[str], vocabulary_size: int) -> TextTokenizer:
    """Byte-level BPE: lossless, and the same vocabulary from the same texts in every process.

    Words of more than LONGEST_WORD characters (Chinese without punctuation, nucleotides, base64)
    are cut: the trainer's time grows with the square of the longest word.
    """
    tokenizer = Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Split(tokenizers.Regex(_WORD), "isolated"),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_head(texts, TRAINING_BYTES), trainer)
    return TextTokenizer(tokenizer, {role: role for role in (CLS, SEP, PAD, MASK)})


def pretrained_fingerprint(name_or_folder: str) -> str:
    """SHA-256 over the files of a transformers tokenizer, fetched if need be.

    Raises:
        ValueError: it is not there.
    """
    folder = _pretrained_folder(name_or_folder)
    return hash_files(sorted(f for ending in TOKENIZER_FILES for f in folder.glob(ending)), folder)


def _pretrained_folder(name_or_folder: str) -> Path:
    try:
        return model_folder(name_or_folder, TOKENIZER_FILES)
    except ValueError as error:
        raise ValueError(f"dataset.tokenizer: {error}; `bpe` trains one on the corpus") from error


def load_pretrained(name_or_folder: str) -> TextTokenizer:
    """A transformers tokenizer, with the special tokens that it lacks added at its end.

    One token may have two roles: texts of GPT-2 begin and end with the same one.

    Raises:
        ValueError: there is none of that name, or it has no fast implementation.
    """
    from transformers import AutoTokenizer

    folder = _pretrained_folder(name_or_folder)
    try:
        loaded = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        tokenizer = loaded.backend_tokenizer
    except AttributeError as error:
        raise ValueError(
            f"dataset.tokenizer: {name_or_folder!r} has no fast implementation (tokenizer.json)"
        ) from error
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0].rstrip(" .")
        if said.endswith(":"):  # before a list, which may be empty
            said = "it holds none that transformers can read"
        raise ValueError(
            f"dataset.tokenizer: {name_or_folder!r} cannot be loaded: {said}. Use bpe, a hub name, "
            "or a folder that holds a tokenizer.json"
        ) from error
    roles = {
        CLS: loaded.cls_token or loaded.bos_token or CLS,
        SEP: loaded.sep_token or loaded.eos_token or SEP,
        PAD: loaded.pad_token or PAD,
        MASK: loaded.mask_token or MASK,
    }
    others = [token for token in SPECIAL_TOKENS if token not in roles]
    wanted = [*roles.values(), *others]
    missing = [token for token in wanted if tokenizer.token_to_id(token) is None]
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in missing])
    return TextTokenizer(tokenizer, roles)


def chunk(encoded: Encoded, text: str, size: int) -> list[tuple[list[int], int]]:
    """Cut a tokenized text into rows.

    Args:
        encoded: the text's tokens.
        text: the text itself.
        size: most tokens in a row.

    Returns:
        For each row its ids and the UTF-8 bytes of the text it covers. Bytes between two rows
        belong to the earlier one, so that the sum over rows is the text.
    """
    cuts = [*range(0, len(encoded.ids), size), len(encoded.ids)]
    characters = [0, *(encoded.starts[cut] for cut in cuts[1:-1]), len(text)]
    return [
        (encoded.ids[start:stop], len(text[first:last].encode()))
        for (start, stop), (first, last) in zip(pairwise(cuts), pairwise(characters), strict=True)
    ]


def first_row_boundaries(encoded: Encoded, document: Document, size: int) -> tuple[int, int]:
    """The tokens at which a document's second and third text begin in its first row.

    Returns:
        0 for both unless every text of the document has a token in that row.
    """
    wanted = [place for place in (document.second, document.third) if place]
    starts = encoded.starts[:size]
    if not wanted or wanted[-1] > starts[-1]:
        return 0, 0
    found = [bisect_right(starts, place) - 1 for place in wanted]  # the tokens they stand in
    if found[0] == 0 or (found[-1] == found[0] and len(found) > 1):
        return 0, 0
    return (found[0], found[1] if len(found) > 1 else 0)


def _head(texts: Iterable[str], limit: int) -> Iterable[str]:
    total = 0
    for text in texts:
        if total > limit:
            return
        total += len(text)
        yield text
