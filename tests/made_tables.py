"""Tables of the user's own as tests write them, and probes on them."""

from pathlib import Path
from typing import Any

import pandas as pd

from runners.corpora.corpus import Corpus
from runners.probes.base import Probe, Task
from runners.probes.classification import ClassificationProbe


def labelled(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"text": f"text number {i}", "label": "yes" if i % 2 else "no"}
        for i in range(first, first + count)
    ]


def scored(count: int) -> list[dict[str, Any]]:
    return [
        {"sentence1": f"a {i}", "sentence2": f"b {i}", "label": str(i % 5)} for i in range(count)
    ]


def written(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".csv":
        pd.DataFrame(rows).to_csv(file, index=False)
    elif file.suffix == ".jsonl":
        pd.DataFrame(rows).to_json(file, orient="records", lines=True)
    else:
        pd.DataFrame(rows).to_parquet(file)
    return file


def opened(probe: Probe, hub_dir: Path | None = None) -> Any:
    return probe.open(hub_dir=hub_dir, cache_dir=Path("never made"))


def load(probe: Probe, corpus: Corpus, hub_dir: Path | None = None) -> Task:
    return probe.load(corpus, hub_dir=hub_dir, cache_dir=corpus.folder.parent / "hub")


def classes(path: Path | str, **settings: Any) -> ClassificationProbe:
    return ClassificationProbe(name="mine", path=str(path), **{"modes": ("frozen",), **settings})
