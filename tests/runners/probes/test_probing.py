"""The six probing tasks: one option, a folder of one's own, and the figures of simple methods."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_tables import load, opened

from cli.configuration import experiment, sweep_columns
from cli.explain import CONFIG_FOLDER
from cli.hydra_app import collect
from runners.configuration.build import pick
from runners.corpora.corpus import Corpus
from runners.probes.base import PROBES
from runners.probes.classification import ClassificationProbe, ClassificationTask

TFIDF = {
    "sentence_length": 0.412,
    "tree_depth": 0.364,
    "tense": 0.877,
    "subj_number": 0.776,
    "obj_number": 0.687,
    "bigram_shift": 0.557,
}
"""Accuracy on the test sentences of words and word pairs, measured apart from this code."""


def probing(task: str) -> ClassificationProbe:
    values: dict[str, Any] = yaml.safe_load(
        (CONFIG_FOLDER / "probe" / f"probing_{task}.yaml").read_text()
    )
    found = pick(PROBES, {**values, "name": f"probing_{task}"}, "probe", [])
    assert isinstance(found, ClassificationProbe)
    return found


@pytest.mark.parametrize(
    ("chosen", "others"),
    [("probing", []), ("[library,probing]", ["library"]), ("[probing,sst2]", ["sst2"])],
)
def test_one_option_takes_all_six(chosen: str, others: list[str]) -> None:
    jobs = collect([f"probe={chosen}", "probes.probing_tense.max_train=50"])
    config = experiment(jobs[0], sweep_columns(jobs))
    assert {probe.name for probe in config.probes} == {*others, *(f"probing_{t}" for t in TFIDF)}
    (tense,) = (probe for probe in config.probes if probe.name == "probing_tense")
    assert tense == replace(probing("tense"), max_train=50)
    for probe in config.probes:
        if isinstance(probe, ClassificationProbe) and probe.name.startswith("probing"):
            assert [metric.name for metric in probe.metrics] == ["accuracy_frozen"]


def test_where_the_data_are_missing_it_is_said_where_they_go(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"probing_ewt is on no hub: set hub_dir=FOLDER.*train\.pa"
    ):
        opened(probing("tense"))
    with pytest.raises(ValueError, match=r"no folder probing_ewt in it; .*\. It is on no hub$"):
        opened(probing("tense"), tmp_path)


@pytest.mark.parametrize("task", TFIDF)
def test_words_know_what_they_should(corpus: Corpus, hub_dir: Path, task: str) -> None:
    found = load(probing(task), corpus, hub_dir)
    assert isinstance(found, ClassificationTask)
    found._seen = list  # rows of this corpus are shorter than many sentences
    values = {name: measured[0].value for name, measured in found.baselines().items()}
    assert values["TF-IDF"] == pytest.approx(TFIDF[task], abs=0.04)
