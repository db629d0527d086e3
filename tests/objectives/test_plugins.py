"""Three objectives as users would write them, each a .py and a .yaml, and right in every table."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn
from whole_commands import report_path, run

from cli.main import main
from models.batch import Attention
from models.registry import find
from objectives.base import Objective
from objectives.clm import CLM
from objectives.prepared import Prepared
from objectives.trainable import OBJECTIVES
from runners.checks import CHECKS, TRAINER, Check, leaves_of, made_batch, made_update, model_of
from runners.measures.row_losses import row_losses
from runners.training.update import UpdateStep

PLUGINS = Path(__file__).parent.parent / "plugins"
NAMES = ("barlow_twins", "byol", "sentence_order")


def load(name: str) -> Objective:
    found = find(OBJECTIVES, name, [PLUGINS / f"{name}.py"])
    objective = found(name=name, learning_rate=1e-3, rows_per_update=8)
    assert isinstance(objective, Objective)
    return objective


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_they_pass_the_suite(name: str, check: Check) -> None:
    check(load(name))


def test_a_teacher_begins_as_the_model_follows_it_and_is_not_trained() -> None:
    objective = load("byol")
    model = model_of(objective)
    teacher, own = model.heads["teacher_backbone"], model.backbone
    names = [name for name, _ in own.named_parameters()]
    assert all(torch.equal(own.get_parameter(n), teacher.get_parameter(n)) for n in names)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    step = UpdateStep(model, objective, TRAINER, seed=0, tokens=1000)
    trained = {id(p) for group in step.optimizer.param_groups for p in group["params"]}
    assert not trained & {id(parameter) for parameter in teacher.parameters()}
    before = own.token_embedding.weight.detach().clone()
    step(made_update(objective, made_batch([12, 9, 12, 5])), rate=1e-3)
    after = own.token_embedding.weight.detach()
    assert not torch.equal(before, after)
    expected = before + 0.01 * (after - before)  # momentum .99 at the beginning
    torch.testing.assert_close(teacher.token_embedding.weight, expected)


@dataclass(frozen=True, kw_only=True)
class Queue(CLM):
    """Keeps the embeddings of the rows of the last updates, as MoCo does (He et al. 2020)."""

    def build_heads(self, config, vocabulary_size, *, tied=True):  # type: ignore[no-untyped-def]
        heads = super().build_heads(config, vocabulary_size, tied=tied)
        heads["queue"] = nn.Module()
        heads["queue"].register_buffer("keys", torch.zeros(6, config.hidden_size))
        return heads

    def loss(self, model, prepared):  # type: ignore[no-untyped-def]
        found = super().loss(model, prepared)
        first = model.backbone(prepared.inputs, attention=prepared.attention).last[:, 0]
        return replace(found, kept={"keys": first.detach().float()})

    def after_update(self, model, moment, kept):  # type: ignore[no-untyped-def]
        keys = model.heads["queue"].keys
        keys.copy_(torch.cat([kept["keys"], keys])[: len(keys)])


@pytest.mark.parametrize("micro", [None, 1])
def test_a_queue_takes_what_an_update_leaves_and_nothing_that_is_measured(
    micro: int | None,
) -> None:
    objective = Queue(name="queue", learning_rate=1e-3, rows_per_update=4)
    model = model_of(objective).eval()
    trainer = replace(TRAINER, micro_batch_rows=micro)
    step = UpdateStep(model, objective, trainer, seed=0, tokens=1000)
    batch = made_batch([12, 9, 12, 5])
    states = model.backbone(batch, attention=Attention("causal")).last[:, 0].detach()
    step(made_update(objective, batch, trainer), rate=0.0)
    keys = model.heads["queue"].keys
    torch.testing.assert_close(keys[:4], states)
    assert not keys[4:].any()
    before = keys.clone()
    (leaf,) = leaves_of(objective, batch)
    row_losses(model, objective, [leaf.prepared], vocabulary=None, device="cpu")
    assert torch.equal(before, keys)


def test_extra_tensors_are_sliced_with_their_rows() -> None:
    batch = made_batch([12, 9, 12, 5])
    more = {"weight": torch.arange(4.0), "segments": torch.arange(8).view(4, 2)}
    prepared = Prepared.of(batch, Attention("causal"), more=more)
    first, second = prepared.split(3)
    assert first.more["weight"].tolist() == [0, 1, 2]
    assert second.more["segments"].tolist() == [[6, 7]]
    assert prepared.to("cpu").more["weight"].tolist() == [0, 1, 2, 3]


def test_they_stand_right_in_every_table(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [f"plugins=[{','.join(str(PLUGINS / f'{name}.py') for name in NAMES)}]"]
    given += ["--config-dir", str(PLUGINS), "measures.adaptation_steps=2", "columns=[clm]"]
    assert run(output, f"objective=clm,{','.join(NAMES)}", "-m", *given) == 0
    text = report_path(capsys.readouterr().out).read_text()
    assert "could not be built" not in text
    losses = text.split("## Losses")[1].split("\n## ")[0]
    for title in (
        "SD: barlow_twins, squared correlations a pair of features",
        "SD: byol, squared distances a row",
        "order: sentence_order, nats a row",
    ):
        assert f"| {title} |" in losses
    header, *rows = [line for line in losses.splitlines() if line.startswith("|")]
    titles = [cell.strip() for cell in header.strip("|").split("|")]
    cells = {
        row.strip("|").split("|")[0].strip(): dict(
            zip(titles, row.strip("|").split("|"), strict=True)
        )
        for row in rows
        if row.count("|") == header.count("|")
    }
    even = cells["*uniform*"]
    assert even["order: sentence_order, nats a row"].strip() == "0.693"  # ln 2
    assert "0." not in even["SD: byol, squared distances a row"]  # no even guess is known
    for name in NAMES:
        own = next(title for title in titles if f": {name}, " in title)
        assert cells[name][own].strip().startswith("**"), name  # native
        for section in ("## Probes", "## What was trained", "## What it cost"):
            table = text.split(section)[1].split("\n## ")[0]
            assert re.search(rf"^\| {name}[ |]", table, re.MULTILINE), (name, section)


def test_check_says_what_does_not_hold(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    given = ["--config-dir", str(PLUGINS)]
    assert main(["check", "objective", "byol", f"plugins=[{PLUGINS / 'byol.py'}]", *given]) == 0
    assert "byol: 10 of 10 hold" in capsys.readouterr().out
    text = (PLUGINS / "byol.py").read_text()
    broken = tmp_path / "byol.py"
    broken.write_text(text.replace("return {self.name: prepared.rows}", "return {self.name: 1}"))
    assert main(["check", "objective", "byol", f"plugins=[{broken}]", *given]) == 1
    out = capsys.readouterr().out
    assert "no   counts are those of the loss: counts says {'byol': 1}" in out
