"""Of which label is a document? A classification that the corpus itself supplies.

On the embedded corpus: which library is a docstring from?
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pandas as pd
from typing_extensions import override

from models.initialization import seed_of
from results.facts import SENTENCES_LEFT_OUT
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.corpora.prose import sentences
from runners.corpora.pydocs import PydocsConfig
from runners.measures.finetune import FinetuneConfig
from runners.probes.base import NotApplicableError, Probe, Task
from runners.probes.classification import ClassificationTask
from runners.probes.labelled import Labelled
from runners.probes.overlap import in_training, normalized_text
from runners.probes.scores import check_modes, metrics_of

MIN_TRAIN, MIN_TEST = 20, 10
"""Labels with fewer documents are not a class."""

MIN_WORDS, MIN_CHARACTERS = 4, 8
"""Shorter sentences say too little; characters count where no spaces separate words."""

PLACEHOLDER = "this"
"""Stands for every name that gives a library away."""

ALIASES = {
    "stdlib": "python cpython pep",
    "torch": "torch pytorch aten dynamo inductor torchscript fx cuda autograd",
    "transformers": "transformers huggingface hf bert gpt llama tokenizer tokenizers",
    "numpy": "numpy np ndarray ufunc",
    "pandas": "pandas pd dataframe dataframes series multiindex",
    "scipy": "scipy",
    "sklearn": "sklearn scikit-learn scikit estimator estimators",
    "matplotlib": "matplotlib mpl pyplot plt axes artist artists",
    "sympy": "sympy",
    "networkx": "networkx nx digraph multigraph multidigraph",
}


@dataclass(frozen=True, kw_only=True)
class LibraryProbe(Probe):
    """Documents by the corpus's own label, from their first sentence only.

    Whole docstrings would be told apart by layout alone. In the embedded corpus the names of
    libraries are masked; labels of the user's own are no names, and their texts stay as they are.

    Attributes:
        classes: at most so many labels, those with the most documents to test on.
        train_per_class, test_per_class: at most so many examples; all classes have equally many.
        modes: `frozen`, `finetuned` or both.
        finetune: the recipe.
    """

    classes: int = 10
    train_per_class: int = 400
    test_per_class: int = 60
    modes: tuple[str, ...] = ("frozen", "finetuned")
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)

    def __post_init__(self) -> None:
        check_modes(self.modes)
        for name in ("classes", "train_per_class", "test_per_class"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 2")

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return metrics_of("accuracy", self.modes)

    @override
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take the examples, equally many of each class."""
        train, test = (_summaries(corpus, split) for split in ("train", "test"))
        known = set(train["text"].map(normalized_text))
        repeated = in_training(corpus, list(test["written"]))
        repeated |= test["text"].map(normalized_text).isin(known).to_numpy()
        test = test[~repeated]
        counts = pd.DataFrame(
            {
                side: rows["label"].value_counts()
                for side, rows in (("train", train), ("test", test))
            }
        )
        enough = counts[(counts["train"] >= MIN_TRAIN) & (counts["test"] >= MIN_TEST)]
        chosen = enough.sort_index().nlargest(self.classes, "test", keep="first")
        if len(chosen) < 2:
            raise NotApplicableError(
                f"{corpus.card.label} has {len(chosen)} labels with {MIN_TRAIN} documents to "
                f"train on and {MIN_TEST} to test on that training text does not have; 2 are needed"
            )
        labels = sorted(chosen.index)
        return ClassificationTask(
            _balanced(train, labels, min(self.train_per_class, int(chosen["train"].min()))),
            _balanced(test, labels, min(self.test_per_class, int(chosen["test"].min()))),
            self.modes,
            self.finetune,
            seen=corpus.seen,
            known={
                "labels left out": len(counts) - len(chosen),
                SENTENCES_LEFT_OUT: int(repeated.sum()),
            },
        )


def mask_names(sentence: str, labels: Sequence[str]) -> str:
    """Replace every name and alias of libraries, in any case, also inside dotted names.

    Numbers and names of two letters are left alone, but for aliases that are known.
    """
    return _names(tuple(labels)).sub(PLACEHOLDER, sentence)


@lru_cache(maxsize=2)
def _names(labels: tuple[str, ...]) -> re.Pattern[str]:
    names = {label for label in labels if len(label) > 2 and label.isidentifier()}
    names |= {alias for label in labels for alias in ALIASES.get(label, "").split()}
    if not names:
        return re.compile(r"(?!)")  # matches nothing
    pattern = "|".join(re.escape(name) for name in sorted(names, key=lambda n: (-len(n), n)))
    return re.compile(rf"(?i)(?<![a-z])(?:{pattern})(?![a-z])")


def _summaries(corpus: Corpus, split: str) -> pd.DataFrame:
    """First sentences of labelled documents, one row each, in an order given by their hash.

    Returns:
        Columns text, label, group, and written: the sentence before names were masked.
    """
    documents = corpus.documents(split)
    labelled = documents[documents["label"] != ""]
    if labelled.empty:
        raise NotApplicableError(
            f"the {split} split of {corpus.card.label} has no labels (set dataset.label_column "
            "where its table has one)"
        )
    is_own = corpus.card.kind != PydocsConfig.__name__
    labels = sorted(set(labelled["label"]))
    rows = []
    for text, label, group in zip(
        labelled["text"], labelled["label"], labelled["group"], strict=True
    ):
        written = next(iter(sentences(text)), "")
        masked = written if is_own else mask_names(written, labels)
        if _says_enough(masked):
            rows.append((masked, label, group, written))
    frame = pd.DataFrame(rows, columns=["text", "label", "group", "written"])
    frame = frame.drop_duplicates("text", keep=False)  # told by two libraries, it has no label
    if frame.empty:
        raise NotApplicableError(
            f"no labelled document in the {split} split of {corpus.card.label} begins with a "
            f"sentence of {MIN_WORDS} words that no other begins with"
        )
    return frame.iloc[frame["text"].map(lambda text: seed_of("summary", text)).argsort()]


def _says_enough(sentence: str) -> bool:
    if len(sentence.split()) >= MIN_WORDS:
        return True
    return not sentence.isascii() and len(normalized_text(sentence)) >= MIN_CHARACTERS


def _balanced(summaries: pd.DataFrame, labels: list[str], per_class: int) -> Labelled:
    parts = [summaries[summaries["label"] == label].head(per_class) for label in labels]
    rows = pd.concat(parts)
    return Labelled(list(rows["text"]), list(rows["label"]), list(rows["group"]))
