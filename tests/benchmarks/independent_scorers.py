"""Are our figures of a checkpoint those of lm-evaluation-harness and mteb?

    COMPARE_HUB_DIR=HUB_DIR make agreement

or, with the extra `agreement` installed and tests/ on PYTHONPATH, this file with HUB_DIR and, if
you like, an OUTPUT_DIR, where checkpoints are kept. HUB_DIR holds the folders blimp,
novels_1880_1928, stsb and wikitext2, each with a Parquet file a split. Nothing is fetched where
HF_HUB_OFFLINE=1 is set.

Three small checkpoints (made_checkpoints.py): a GPT-2 whose texts begin and end with tokens of
their own, a GPT-2 with one token for both ends as the published one has, and a BERT. They are read
by `model=pretrained`, untouched; by lm-evaluation-harness with its own definitions of BLiMP (five
paradigms of a thousand pairs) and of LAMBADA (on a thousand passages of the novels' test split);
and by mteb with its own STS Benchmark, through sentence-transformers.

Prints ours, theirs, and how far apart the parts are at most (paradigms, sentences, words). Exits
with 1 where what both define alike differs. What they define otherwise is printed too: the harness
sets a space before a sentence of BLiMP; and where a checkpoint has one token for both ends, the
harness begins a text that has a context with nothing, ours with that token.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from checkpoints import untouched
from made_checkpoints import KINDS, LONGEST, make_checkpoint
from made_corpus import build

from runners.measures.text_model import TextModel
from runners.probes.last_word import LastWordProbe
from runners.probes.minimal_pairs import MinimalPairsProbe
from runners.probes.similarity import SimilarityProbe, SimilarityTask

PARADIGMS = (
    "anaphor_number_agreement",
    "determiner_noun_agreement_1",
    "existential_there_quantifiers_1",
    "regular_plural_subject_verb_agreement_1",
    "wh_vs_that_no_gap",
)
PASSAGES, SHORTEST = 1000, 20
TOLERANCE = {"accuracy": 1e-4, "nats": 1e-3, "Spearman": 1e-4}


@dataclass(frozen=True)
class Compared:
    """One figure by two programs.

    Attributes:
        name: what was measured of what.
        unit: of TOLERANCE.
        ours: the parts, such as log p of every sentence.
        theirs: the same.
        alike: whether both define it alike.
    """

    name: str
    unit: str
    ours: np.ndarray
    theirs: np.ndarray
    alike: bool = True

    @property
    def apart(self) -> float:
        """The largest difference of a part."""
        return float(np.abs(self.ours - self.theirs).max())

    def __str__(self) -> str:
        means = f"{self.ours.mean():11.6f} {self.theirs.mean():11.6f}"
        name = f"{self.name}, {self.unit}"
        return f"{name:60} {means} {self.apart:10.1e}{'' if self.alike else '  (otherwise)'}"


def read(hub_dir: Path, name: str, split: str) -> pd.DataFrame:
    """One split of a data set."""
    return pd.read_parquet(hub_dir / name / f"{split}.parquet")


def prose(hub_dir: Path, split: str) -> list[str]:
    """Paragraphs of some length from both corpora."""
    frames = [read(hub_dir, name, split) for name in ("wikitext2", "novels_1880_1928")]
    texts = pd.concat([frame["text"] for frame in frames])
    return [text.strip() for text in texts if len(text.split()) > SHORTEST]


def passages(hub_dir: Path) -> list[str]:
    """Beginnings of paragraphs, 20 to 40 words that end in a whole word."""
    found = []
    for place, text in enumerate(read(hub_dir, "novels_1880_1928", "test")["text"]):
        words = text.split()[: SHORTEST + place % SHORTEST]
        if len(words) >= SHORTEST and words[-1].isalpha():
            found.append(" ".join(words))
    return found[:PASSAGES]


def task_file(work: Path, definition: str, data: Path, split: str, **otherwise: str) -> str:
    """A task of lm-evaluation-harness on data of ours.

    Args:
        work: where the file is written.
        definition: its own one, below `lm_eval/tasks`.
        data: a file of rows with its columns.
        split: under which it looks for them.
        otherwise: settings in place of its own.
    """
    import lm_eval

    content = {
        "include": str(Path(lm_eval.__file__).parent / "tasks" / definition),
        "dataset_path": {".parquet": "parquet", ".jsonl": "json"}[data.suffix],
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {split: str(data)}, "cache_dir": str(work / "cache")},
        **otherwise,
    }
    file = work / f"{data.stem}.yaml"
    file.write_text(yaml.safe_dump(content))
    return str(file)


def by_harness(checkpoint: Path, tasks: list[str]) -> pd.DataFrame:
    """What lm-evaluation-harness answers.

    Args:
        checkpoint: a folder.
        tasks: files with their definitions.

    Returns:
        Of each example, in order, `doc`, `acc`, and `nats`, (choices,) log p.
    """
    import lm_eval
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=str(checkpoint), device="cpu", dtype="float32", batch_size=64)
    found = lm_eval.simple_evaluate(model, tasks=tasks, bootstrap_iters=0, log_samples=True)
    assert found is not None
    samples = [
        sample
        for name in found["samples"]
        for sample in sorted(found["samples"][name], key=lambda each: each["doc_id"])
    ]
    nats = [[answer[0][0] for answer in sample["resps"]] for sample in samples]
    return pd.DataFrame(
        {"doc": [s["doc"] for s in samples], "acc": [s["acc"] for s in samples], "nats": nats}
    )


def blimp(model: TextModel, checkpoint: Path, hub_dir: Path, work: Path) -> Iterator[Compared]:
    """Accuracy by paradigm, and log p by sentence.

    Args:
        model: ours.
        checkpoint: theirs.
        hub_dir: data sets.
        work: for files that they read.
    """
    table, files, ours = read(hub_dir, "blimp", "train"), [], []
    for paradigm in PARADIGMS:
        files.append(work / f"{paradigm}.parquet")
        table[table["UID"] == paradigm].to_parquet(files[-1])
        probe = MinimalPairsProbe(
            name="blimp", path=str(files[-1]), test_share=1.0, kind_column="UID"
        )
        task = probe.load(model.corpus, hub_dir=hub_dir, cache_dir=work)
        ours.append(task.evaluate(model, seed=0)[0].value)
    log_p = None
    for label, otherwise in (
        ("BLiMP", {"target_delimiter": ""}),
        ("BLiMP, they with a space before", {}),
    ):
        tasks = [
            task_file(work, f"blimp/{paradigm}.yaml", file, "train", **otherwise)
            for paradigm, file in zip(PARADIGMS, files, strict=True)
        ]
        theirs = by_harness(checkpoint, tasks)
        docs = list(theirs["doc"])
        if log_p is None:
            texts = [doc[side] for doc in docs for side in ("sentence_good", "sentence_bad")]
            log_p = model.log_likelihood(texts)
            assert log_p is not None
        kinds = [doc["UID"] for doc in docs]
        accuracies = theirs["acc"].groupby(kinds).mean()[list(PARADIGMS)].to_numpy()
        nats = np.concatenate(theirs["nats"].tolist())
        same = bool(otherwise)
        yield Compared(f"{label}, paradigms", "accuracy", np.array(ours), accuracies, same)
        yield Compared(f"{label}, sentences", "nats", log_p, nats, same)


def last_words(
    model: TextModel, checkpoint: Path, hub_dir: Path, work: Path, *, alike: bool
) -> Iterator[Compared]:
    """Accuracy, and log p by word; arguments as of `blimp`, and whether they begin a text alike."""
    file = work / "passages.jsonl"
    texts = passages(hub_dir)
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    probe = LastWordProbe(name="lambada", path=str(file), test_share=1.0)
    task = probe.load(model.corpus, hub_dir=hub_dir, cache_dir=work)
    accuracy, mean = (measured.value for measured in task.evaluate(model, seed=0))
    theirs = by_harness(checkpoint, [task_file(work, "lambada/lambada_openai.yaml", file, "test")])
    begun, words = zip(*(doc["text"].rsplit(" ", 1) for doc in theirs["doc"]), strict=True)
    ours = model.endings(begun, [f" {word}" for word in words])
    assert ours is not None
    assert np.allclose([accuracy, mean], [each.mean() for each in ours])
    nats = np.concatenate(theirs["nats"].tolist())
    yield Compared("last words, each", "accuracy", ours[0], theirs["acc"].to_numpy(), alike)
    yield Compared("last words, each", "nats", ours[1], nats, alike)


def similarity(model: TextModel, checkpoint: Path, hub_dir: Path, work: Path) -> Iterator[Compared]:
    """Cosines of STS-B's test split with its scores; arguments as of `blimp`."""
    import datasets
    import mteb
    from mteb.tasks.sts.eng.sts_benchmark_sts import STSBenchmarkSTS
    from sentence_transformers import SentenceTransformer

    table = read(hub_dir, "stsb", "test").rename(columns={"label": "score"})

    class OnOurs(STSBenchmarkSTS):  # type: ignore[misc]
        def load_data(self, **_: Any) -> None:
            self.dataset = {"test": datasets.Dataset.from_pandas(table)}
            self.data_loaded = True

    reader = SentenceTransformer(str(checkpoint), device="cpu")  # mean pooling by default
    found = mteb.evaluate(reader, OnOurs(), cache=None, show_progress_bar=False)
    theirs = found.task_results[0].scores["test"][0]["cosine_spearman"]
    probe = SimilarityProbe(name="stsb", path="stsb", test_split="test", test_share=1.0)
    loaded = probe.load(model.corpus, hub_dir=hub_dir, cache_dir=work)
    task = SimilarityTask(
        loaded.test.known
    )  # without others to choose on, as theirs: the last layer
    (measured,) = task.evaluate(model, seed=0)
    yield Compared("STS-B", "Spearman", np.array([measured.value]), np.array([theirs]))


def compared(hub_dir: Path, output_dir: Path) -> Iterator[tuple[str, Compared]]:
    """All figures, with the kinds of the checkpoints."""
    texts, held_out = prose(hub_dir, "train"), prose(hub_dir, "validation")
    parts = {"train": held_out[:200], "validation": held_out[200:300], "test": held_out[300:400]}
    rows = {split: [{"text": text} for text in part] for split, part in parts.items()}
    for name, kind in KINDS.items():
        checkpoint = output_dir / name.replace(" ", "-")
        make_checkpoint(kind, texts, checkpoint)
        with tempfile.TemporaryDirectory(dir=output_dir) as folder:
            work = Path(folder).resolve()
            corpus = build(work, rows, tokenizer=str(checkpoint), sequence_length=LONGEST)
            given = (untouched(checkpoint, corpus), checkpoint, hub_dir, work)
            if kind.masked:
                yield from ((name, each) for each in similarity(*given))
                continue
            yield from ((name, each) for each in blimp(*given))
            words = last_words(*given, alike=kind.has_two_ends)
            yield from ((name, each) for each in words)


def check(hub_dir: Path, output_dir: Path) -> int:
    """Compare, print; the exit status."""
    output_dir.mkdir(parents=True, exist_ok=True)
    print(f"{'':80} {'ours':>11} {'theirs':>11} {'most apart':>10}")
    wrong = []
    for name, each in compared(hub_dir, output_dir):
        print(f"{name:20}{each}", flush=True)
        if each.alike and each.apart > TOLERANCE[each.unit]:
            wrong.append(f"differs: {name}, {each.name}, {each.unit}")
    print("\n".join(wrong) or "all well: what both define alike is the same")
    return 1 if wrong else 0


if __name__ == "__main__":
    missing = [name for name in ("lm_eval", "accelerate", "mteb") if find_spec(name) is None]
    if missing:
        print(f"skipped, without {', '.join(missing)}: install the extra `agreement`")
        sys.exit(0)
    given = sys.argv[1:] or [os.environ.get("COMPARE_HUB_DIR", "")]
    if not Path(given[0], "blimp").is_dir():
        sys.exit(f"{given[0]!r} holds no folder blimp; name HUB_DIR, or set COMPARE_HUB_DIR")
    target = given[1] if len(given) > 1 else "outputs/independent-scorers"
    sys.exit(check(Path(given[0]), Path(target)))
