"""A trained model as probes use it: texts in; vectors or likelihoods out."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.backbone import Encoder
from models.batch import Attention, AttentionKind, Batch
from models.places import Places
from models.pooling import POOLINGS
from objectives.base import Likelihood, Objective, TrainModel
from runners.corpora.corpus import Corpus
from runners.hardware import autocast
from runners.measures.readouts import States
from runners.training.trainer import TrainerConfig

EMBEDDED_AT_ONCE = 64
SCORED_AT_ONCE = 128
LOGITS_AT_ONCE = 256
"""Few enough for a processor's cache, where a row has as many logits as the vocabulary tokens."""


class TextModel:
    """A model after pretraining, with the tokenizer it was trained with.

    Args:
        model: in evaluation mode, on its device.
        corpus: whose tokenizer and row length are used.
        attention: who may look at whom when texts are embedded: the objective's own.
        likelihood: how texts are scored.
        pooling: how states become one vector, where that is not chosen.
        every_layer: whether probes may choose the layer that they read; otherwise the last.
        every_pooling: whether they may choose the pooling.
        passes: of a masked model over a text whose likelihood is asked for; 0 for one a token.
        within_word: hide with a masked token the later ones of its word.
        trainer: the resolved recipe, for fine-tuning.
        objectives: that its heads come from: its own, or of an untrained model all columns.

    Attributes:
        recomputes: whether it is fine-tuned in less memory (`Encoder.recompute`).
    """

    def __init__(
        self,
        model: TrainModel,
        corpus: Corpus,
        *,
        attention: AttentionKind,
        likelihood: Likelihood,
        pooling: str,
        trainer: TrainerConfig,
        every_layer: bool = True,
        every_pooling: bool = True,
        passes: int = 0,
        within_word: bool = False,
        objectives: Sequence[Objective] = (),
    ) -> None:
        self.model, self.corpus, self.trainer = model, corpus, trainer
        self.attention, self.pooling = Attention(attention), pooling
        self.likelihood: Likelihood = likelihood
        self.objectives, self._passes, self._within_word = objectives, passes, within_word
        self.recomputes = False
        self._below = range(self.layers) if every_layer else range(0)
        others = [name for name in POOLINGS if name != pooling] if every_pooling else []
        self._poolings = (pooling, *others)
        self._added = _added_tokens(model, corpus)

    def with_attention(self, attention: AttentionKind) -> "TextModel":
        """The same model, whose texts are embedded under another mask."""
        other = copy(self)
        other.attention = Attention(attention)
        return other

    def with_backbone(self, backbone: Encoder) -> "TextModel":
        """The same heads and settings on another backbone."""
        other = copy(self)
        other.model = TrainModel(backbone, self.model.heads).eval()
        return other

    @property
    def layers(self) -> int:
        """Number of blocks."""
        return self.model.backbone.config.num_layers

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(N, D) float32, one vector a text from the last layer, in the order of the texts."""
        vectors: np.ndarray = self._pooled(texts, [self.pooling], range(0))[0, 0]
        return vectors

    def states(self, texts: Sequence[str]) -> States:
        """Vectors of N texts from every layer and by every pooling that may be read."""
        values = self._pooled(texts, self._poolings, self._below)
        return States(values, self.layers, self._poolings)

    @torch.no_grad()
    def _pooled(self, texts: Sequence[str], poolings: Sequence[str], below: range) -> np.ndarray:
        """(poolings, layers below + 1, N, D) float32; of equal texts one is read."""
        once = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        width = self.model.backbone.config.hidden_size
        vectors = np.empty((len(poolings), len(below) + 1, len(once), width), dtype=np.float32)
        for batch, places in self.corpus.text_batches(list(once), batch_size=EMBEDDED_AT_ONCE):
            batch = batch.to(self.trainer.device)
            output = self.model.backbone(batch, attention=self.attention, layers=below)
            for layer, states in enumerate((*output.hidden, output.last)):
                for place, pooling in enumerate(poolings):
                    pooled = POOLINGS[pooling](states, batch.attention_mask)
                    vectors[place, layer, places] = pooled.float().cpu()
        return vectors if len(once) == len(texts) else vectors[:, :, [once[text] for text in texts]]

    @torch.no_grad()
    def word_states(self, sentences: Sequence[Sequence[str]]) -> tuple[States, np.ndarray]:
        """Vectors of the words of sentences, which are read with a space between words.

        Returns:
            The mean of each word's tokens from every layer that may be read, of W words, and (W,)
            bool, whether a model reads the word at all: not past the longest row.
        """
        width, words = self.model.backbone.config.hidden_size, sum(map(len, sentences))
        sums = torch.zeros(len(self._below) + 1, words, width)
        counts = torch.zeros(words)
        for batch, word_of in self.word_batches(sentences, batch_size=EMBEDDED_AT_ONCE):
            is_read = word_of >= 0  # (B, T)
            word_of = word_of[is_read]  # (tokens,)
            inputs = batch.to(self.trainer.device)
            output = self.model.backbone(inputs, attention=self.attention, layers=self._below)
            counts.index_add_(0, word_of, torch.ones(len(word_of)))
            for layer, states in enumerate((*output.hidden, output.last)):
                sums[layer].index_add_(0, word_of, states.float().cpu()[is_read])
        vectors = (sums / counts.clamp(min=1)[:, None]).numpy()
        return States(vectors[None], self.layers), (counts > 0).numpy()

    def word_batches(
        self, sentences: Sequence[Sequence[str]], *, batch_size: int
    ) -> Iterator[tuple[Batch, Tensor]]:
        """Sentences in batches of similar length, read with a space between words.

        Yields:
            B rows of T tokens, and (B, T) int, of which word each token is, counted through all
            sentences; -1 of special tokens.
        """
        texts = [" ".join(words) for words in sentences]
        firsts = np.cumsum([0, *map(len, sentences)])  # of each sentence, the place of its words
        words_of = [
            torch.from_numpy(first + _words_of_tokens(text, words, encoded.starts))
            for first, text, words, encoded in zip(
                firsts, texts, sentences, self.corpus.tokenizer.encode(texts), strict=False
            )
        ]
        for batch, places in self.corpus.text_batches(texts, batch_size=batch_size):
            word_of = torch.full(batch.input_ids.shape, -1)
            lengths = batch.attention_mask.sum(1).tolist()
            for row, place, length in zip(word_of, places, lengths, strict=True):
                row[1 : length - 1] = words_of[place][: length - 2]
            yield batch, word_of

    @torch.no_grad()
    def log_likelihood(self, texts: Sequence[str]) -> np.ndarray | None:
        """(N,) float64, total log p of each text's tokens, without its end; None without a head.

        A causal model sums log p(x_t | x_<t). A masked model sums the pseudo-log-likelihood
        log p(x_t | all others), with one token masked at a time (Salazar et al. 2020), or in n
        passes every n-th token, read one place earlier where it was trained so (MNTP); with
        `within_word` the later tokens of its word are masked too. Causal and
        masked are different quantities and never ranked against each other.
        Special tokens that a checkpoint lacked have no part of the probability: its own likelihood
        is that over its own tokens. States and logits have the precision of training, logarithms
        float32, sums float64.
        """
        if self.likelihood == "none" or "lm" not in self.model.heads:
            return None
        totals = np.zeros(len(texts))
        for batch, places in self.corpus.text_batches(texts, batch_size=EMBEDDED_AT_ONCE):
            score = self._causal if self.likelihood == "causal" else self._pseudo
            with autocast(self.trainer):
                totals[places] = score(batch)
        return totals

    @torch.no_grad()
    def endings(
        self, beginnings: Sequence[str], endings: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Whether a model goes on as texts do, and how likely that is; None without a head.

        Of a text too long for a row its first tokens are left out. A causal model reads all tokens
        before each one of the ending; of a masked model they are all masked at once.

        Returns:
            (N,) bool, whether every token of the ending is the likeliest one, and (N,) float64, the
            sum of their log p.
        """
        if self.likelihood == "none" or "lm" not in self.model.heads:
            return None
        limit = self.corpus.card.sequence_length - 2
        texts = [begun + end for begun, end in zip(beginnings, endings, strict=True)]
        rows, counts = [], []
        for begun, each in zip(beginnings, self.corpus.tokenizer.encode(texts), strict=True):
            rows.append(each.ids[-limit:])
            counts.append(min(sum(start >= len(begun) for start in each.starts), limit))
        found, totals = np.empty(len(rows), dtype=bool), np.empty(len(rows))
        for start in range(0, len(rows), EMBEDDED_AT_ONCE):
            here = slice(start, start + EMBEDDED_AT_ONCE)
            found[here], totals[here] = self._endings(self.corpus.batch(rows[here]), counts[here])
        return found, totals

    def _endings(self, batch: Batch, counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """As of `endings`, of the last tokens of B rows, so many of each."""
        is_causal = self.likelihood == "causal"
        ends = batch.attention_mask.sum(1, keepdim=True) - 1  # (B, 1), the place of [SEP]
        places = torch.arange(batch.input_ids.shape[1])
        scored = (places >= ends - torch.tensor(counts)[:, None]) & (places < ends)  # (B, T)
        hidden = batch.input_ids.masked_fill(scored, self.corpus.vocabulary.mask_id)
        inputs = batch if is_causal else replace(batch, input_ids=hidden)
        rows, columns = scored.nonzero(as_tuple=True)  # (N,), (N,)
        targets = batch.input_ids[rows, columns]
        shift = int(self.likelihood != "pseudo")  # a state foretells the next token, or its own
        with autocast(self.trainer):
            attention = Attention("causal" if is_causal else "bidirectional")
            states = self._states_at(rows, columns - shift, inputs, attention)
            logits = self._logits(states).cpu()  # (N, V)
        right = torch.ones(len(ends), dtype=torch.bool)
        right[rows[logits.argmax(-1) != targets]] = False
        values = -F.cross_entropy(logits, targets, reduction="none").double()
        totals = torch.zeros(len(ends), dtype=torch.float64).index_add(0, rows, values)
        return right.numpy(), totals.numpy()

    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        """(N,) int, the number of tokens of each text of which `log_likelihood` is the sum."""
        limit = self.corpus.card.sequence_length - 2
        return np.array([min(len(e.ids), limit) for e in self.corpus.tokenizer.encode(texts)])

    def _causal(self, batch: Batch) -> np.ndarray:
        inputs = batch.to(self.trainer.device)
        hidden = self.model.backbone(inputs, attention=Attention("causal")).last
        targets = inputs.input_ids[:, 1:]  # (B, T - 1)
        scored = inputs.attention_mask[:, 1:] & (targets != self.corpus.vocabulary.sep_id)
        return self._sum_by_row(hidden[:, :-1][scored], targets[scored], scored)

    def _pseudo(self, batch: Batch) -> np.ndarray:
        vocabulary = self.corpus.vocabulary
        ends = (batch.input_ids == vocabulary.cls_id) | (batch.input_ids == vocabulary.sep_id)
        scored = batch.attention_mask & ~ends  # (B, T), the tokens to be masked one by one
        rows, columns = scored.nonzero(as_tuple=True)  # (N,), (N,)
        passes = self._passes or scored.shape[1]
        # One copy of a row for every pass that masks something of it.
        copies, copy_of = torch.unique(rows * passes + columns % passes, return_inverse=True)
        shift = int(self.likelihood == "pseudo_next")
        states = torch.empty(len(rows), self.model.backbone.config.hidden_size)
        for start in range(0, len(copies), SCORED_AT_ONCE):
            row = copies[start : start + SCORED_AT_ONCE] // passes
            here = (copy_of >= start) & (copy_of < start + len(row))  # (N,)
            copy, column = copy_of[here] - start, columns[here]
            mask = batch.attention_mask[row]
            mask = mask[:, : int(mask.sum(1).max())]  # rows of a batch are not equally long
            whole = batch.input_ids[row, : mask.shape[1]]
            ids = whole.clone()
            ids[copy, column] = vocabulary.mask_id
            if self._within_word:
                ids[self._rest_of_words(whole, copy, column)] = vocabulary.mask_id
            masked = Batch(ids, mask, torch.arange(len(row)))
            found = self._states_at(copy, column - shift, masked, Attention("bidirectional"))
            states[here] = found.float().cpu()
        states = states.to(self.trainer.device)
        return self._sum_by_row(states, batch.input_ids[rows, columns], scored)

    def _states_at(
        self, rows: Tensor, columns: Tensor, batch: Batch, attention: Attention
    ) -> Tensor:
        """(N, D) at N places of B rows, given by (N,) rows and (N,) columns."""
        count, length = batch.input_ids.shape
        places = Places.of(rows * length + columns, count, length).to(self.trainer.device)
        inputs = batch.to(self.trainer.device)
        return self.model.backbone.states_at(places, inputs, attention=attention)

    def _rest_of_words(self, ids: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """(B, T) bool, what follows N tokens of (B, T) ids in their words.

        Args:
            ids: of the rows.
            rows: (N,) where the tokens stand.
            columns: (N,) the same.
        """
        vocabulary = self.corpus.vocabulary
        goes_on = vocabulary.joins_last[ids[:, 1:]] & vocabulary.joins_next[ids[:, :-1]]
        words = F.pad(
            (~goes_on).long().cumsum(1), (1, 0)
        )  # (B, T), the number of each token's word
        later = torch.arange(ids.shape[1]) > columns[:, None]  # (N, T)
        here, place = (later & (words[rows] == words[rows, columns][:, None])).nonzero(
            as_tuple=True
        )
        rest = torch.zeros_like(ids, dtype=torch.bool)
        rest[rows[here], place] = True
        return rest

    def _sum_by_row(self, states: Tensor, targets: Tensor, scored: Tensor) -> np.ndarray:
        """Log p of N targets from their (N, D) states, summed in float64 over each row."""
        targets = targets.to(states.device)
        values = [
            -F.cross_entropy(self._logits(some), wanted, reduction="none").double()
            for some, wanted in zip(
                torch.split(states, LOGITS_AT_ONCE),
                torch.split(targets, LOGITS_AT_ONCE),
                strict=True,
            )
        ]
        totals = torch.zeros(scored.shape, dtype=torch.float64)
        totals[scored.cpu()] = torch.cat(values).cpu()
        return totals.sum(1).numpy()

    def _logits(self, states: Tensor) -> Tensor:
        """(N, D) states to (N, V) float32 logits, those of added tokens -inf."""
        embedding = self.model.backbone.token_embedding.weight
        logits: Tensor = self.model.heads["lm"](states, embedding).float()
        if self._added is None:
            return logits
        return logits.masked_fill(self._added.to(logits.device), -torch.inf)


def _added_tokens(model: TrainModel, corpus: Corpus) -> Tensor | None:
    """(V,) bool, the special tokens that a checkpoint has no row of; None without such.

    Text never holds them, and an untouched checkpoint has learned nothing of them.
    """
    known, special = model.backbone.checkpoint_tokens, corpus.vocabulary.is_special
    if known is None or not special[known:].any():
        return None
    return special & (torch.arange(len(special)) >= known)


def _words_of_tokens(text: str, words: Sequence[str], starts: Sequence[int]) -> np.ndarray:
    """(tokens,) int, of which word each token is; a token with the space before a word is its."""
    begins = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    places = [start + (text[start : start + 1] == " ") for start in starts]
    found: np.ndarray = np.searchsorted(begins, places, side="right") - 1
    return found
