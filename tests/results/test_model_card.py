from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from made_records import add_baselines, add_run, answers

from results.model_card import ExportFacts, model_card
from results.record import Value
from results.rows import StoredRun
from results.store import ResultStore

VECTORS = "sentence-transformers"
FACTS = ExportFacts("BertForMaskedLM", "masked", {"projector": "it is new"}, 3.2e-7)


def card(
    tmp_path: Path, facts: ExportFacts = FACTS, **settings: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    store = ResultStore(tmp_path)
    record = add_run(store, "mlm", answers(0.8), nats={"clm": 5.0}, settings=settings)
    start = add_run(store, "untrained", answers(0.5), kind="untrained", nats={"clm": 8.0})
    simple = add_baselines(store, chance=np.full(400, 0.5))
    references = [StoredRun(each, store) for each in (start, simple)]
    text = model_card(StoredRun(record, store), references, facts)
    _, metadata, body = text.split("---\n", 2)
    return yaml.safe_load(metadata), body


def test_data_ledger_scores_with_intervals_and_caveats(tmp_path: Path) -> None:
    metadata, body = card(tmp_path)
    assert metadata == {
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "tags": ["pretraining-comparison", "mlm", "sentence-transformers", "transformers"],
    }
    assert body.startswith("# mlm on made\n")
    for part in (
        "AutoModelForMaskedLM.from_pretrained(folder)",
        "differ by at most 4e-07",
        "left out: the head projector, since it is new",
        "data fingerprint: " + "f" * 64,
        "- learning_rate: 0.001",
        "1 T",  # FLOPs of the ledger
        "0.800 <sub>0.758 to 0.836</sub>",
        "| *chance* |",
        "5.000",
        "one seed: no interval covers seeds",
    ):
        assert part in body, part
    assert "could not be built" not in body


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"dataset": {"kind": "hub", "path": "org/texts"}}, {"datasets": ["org/texts"]}),
        ({"dataset": {"kind": "local", "path": "my/texts"}}, {}),
        ({"dataset": {"kind": "hub", "path": "{folder}"}}, {}),
        (
            {"model": {"architecture": "pretrained", "path": "org/bert@main"}},
            {"base_model": "org/bert"},
        ),
        ({"model": {"architecture": "pretrained", "path": "{folder}"}}, {}),
    ],
)
def test_only_what_is_on_the_hub_is_named_there(
    tmp_path: Path,
    settings: dict[str, dict[str, str]],
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a" / "folder").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    given = {
        part: {key: value.format(folder="a/folder") for key, value in own.items()}
        for part, own in settings.items()
    }
    metadata, _ = card(tmp_path, **given)
    found = {key: value for key, value in metadata.items() if key in ("datasets", "base_model")}
    assert found == expected


@pytest.mark.parametrize(
    ("kind", "loader", "library", "task"),
    [
        ("causal", "AutoModelForCausalLM", "transformers", "text-generation"),
        ("prefix", "AutoModelForCausalLM", VECTORS, "sentence-similarity"),
        ("discriminator", "AutoModelForPreTraining", VECTORS, "sentence-similarity"),
        ("body", "AutoModel", VECTORS, "sentence-similarity"),
    ],
)
def test_a_card_says_how_its_model_is_used(
    tmp_path: Path, kind: str, loader: str, library: str, task: str
) -> None:
    metadata, body = card(tmp_path, ExportFacts("X", kind, {}, 0.0))
    assert f"import {loader}, AutoTokenizer" in body
    assert "is not the trained one" not in body
    _, body = card(tmp_path, ExportFacts("GPT2Model", kind, {"lm": "it has a bias"}, 0.0))
    assert "is not the trained one" in body
    assert (metadata["library_name"], metadata["pipeline_tag"]) == (library, task)


@pytest.mark.parametrize(
    ("difference", "shown"),
    [(0.0, "0"), (1e-6, "1e-06"), (1.4e-6, "2e-06"), (9.6e-7, "1e-06"), (9.1e-7, "1e-06")],
)
def test_at_most_is_never_less(tmp_path: Path, difference: float, shown: str) -> None:
    _, body = card(tmp_path, ExportFacts("BertForMaskedLM", "masked", {}, difference))
    assert f"differ by at most {shown}\n" in body


def test_what_a_card_refers_to_stands_in_it(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    options = {"layer 1 of 1, mean": 0.5, "layer 0 of 1, mean": 0.25}
    more = (Value("probe pairs", "mrr", 0.5, "layer 1 of 1, mean", options=options),)
    record = add_run(store, "mlm", answers(0.8), more_values=more)
    text = model_card(StoredRun(record, store), [], FACTS)
    assert "(appendix)" in text
    assert "## Appendix: what vectors were read from" in text
