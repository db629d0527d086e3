"""Which library is a docstring from? A classification that the corpus itself supplies."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from models.initialization import seed_of
from runners.corpora.corpus import Corpus
from runners.corpora.prose import sentences
from runners.finetune import FinetuneConfig
from runners.probes.base import NotApplicableError, Probe, Task
from runners.probes.classification import MODES, ClassificationTask, Labelled, check_modes

MIN_TRAIN, MIN_TEST = 20, 10
"""Labels with fewer documents are not a class."""

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
    """Documents by the corpus's own label: summary sentence only, names masked.

    Whole docstrings would be told apart by layout alone.

    Attributes:
        classes: at most so many labels, those with the most documents to test on.
        train_per_class, test_per_class: at most so many examples; all classes have equally many.
        modes: `frozen`, `finetuned` or both.
        finetune: the recipe.
    """

    classes: int = 10
    train_per_class: int = 400
    test_per_class: int = 60
    modes: tuple[str, ...] = MODES
    finetune: FinetuneConfig = field(default_factory=FinetuneConfig)

    def __post_init__(self) -> None:
        check_modes(self.modes)
        for name in ("classes", "train_per_class", "test_per_class"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 2")

    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Take the examples, equally many of each class."""
        train, test = (_summaries(corpus.documents(split)) for split in ("train", "test"))
        if train.empty or test.empty:
            raise NotApplicableError(
                f"{corpus.card.label} has no labels (set dataset.label_column where its table "
                "has one)"
            )
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
                f"train on and {MIN_TEST} to test on; 2 are needed"
            )
        labels = sorted(chosen.index)
        return ClassificationTask(
            _balanced(train, labels, min(self.train_per_class, int(chosen["train"].min()))),
            _balanced(test, labels, min(self.test_per_class, int(chosen["test"].min()))),
            self.modes,
            self.finetune,
        )


def mask_names(sentence: str, labels: list[str]) -> str:
    """Replace every name and alias of the labels, in any case, also inside dotted names."""
    names = {name for label in labels for name in (label, *ALIASES.get(label, "").split())}
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?i)(?<![a-z])(?:{pattern})(?![a-z])", PLACEHOLDER, sentence)


def _summaries(documents: pd.DataFrame) -> pd.DataFrame:
    """First sentences of labelled documents, one row each, in an order given by their hash."""
    labelled = documents[documents["label"] != ""]
    labels = sorted(set(labelled["label"]))
    rows = [
        (mask_names(sentences(text)[0], labels), label, group)
        for text, label, group in zip(
            labelled["text"], labelled["label"], labelled["group"], strict=True
        )
    ]
    rows = [row for row in rows if len(row[0].split()) >= 4]
    frame = pd.DataFrame(rows, columns=["text", "label", "group"])
    frame = frame.drop_duplicates("text", keep=False)  # told by two libraries, it has no label
    return frame.iloc[frame["text"].map(lambda text: seed_of("summary", text)).argsort()]


def _balanced(summaries: pd.DataFrame, labels: list[str], per_class: int) -> Labelled:
    parts = [summaries[summaries["label"] == label].head(per_class) for label in labels]
    rows = pd.concat(parts)
    return Labelled(list(rows["text"]), list(rows["label"]), list(rows["group"]))
