from pathlib import Path

import pytest

from cli.configuration import experiment, sweep_columns
from cli.hydra_app import Composed, collect
from cli.main import main
from cli.prepare import Prepared, prepare_all
from runners.configuration.experiment import ExperimentConfig
from runners.configuration.presets import Preset, presets
from runners.progress import Silent

FIRST, LAST = presets()[0], presets()[-1]


def configs(jobs: list[Composed]) -> list[ExperimentConfig]:
    return [experiment(job, sweep_columns(jobs)) for job in jobs]


def at(preset: Preset) -> str:
    return f"budget.amount={preset.from_flops!r}"


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name)
def test_a_job_of_auto_is_that_of_the_preset_by_name(preset: Preset) -> None:
    jobs = collect(["model=auto", at(preset)])
    named = collect([f"model={preset.name}", at(preset)])
    (config,) = configs(jobs)
    assert configs(named) == [config]
    assert jobs[0].overrides == named[0].overrides
    assert (jobs[0].auto, named[0].auto) == (preset.name, "")
    assert config.model.matrix_weights == preset.weights


def test_settings_of_the_model_are_changed_as_if_it_had_been_named() -> None:
    own = [at(LAST), "model.dropout=0.3", "model.intermediate_size=32"]
    assert configs(collect(["model=auto", *own])) == configs(collect([f"model={LAST.name}", *own]))


def test_each_job_of_a_sweep_goes_by_its_own_budget() -> None:
    jobs = collect(
        [
            "model=auto,nano",
            f"budget.amount={FIRST.from_flops!r},{LAST.from_flops!r}",
            "model.dropout=0,0.1",
            "-m",
        ]
    )
    names = [FIRST.name, FIRST.name, LAST.name, LAST.name]
    assert [job.auto for job in jobs] == [*names, "", "", "", ""]
    assert [config.model.dropout for config in configs(jobs)] == [0, 0.1] * 4
    for job, config in zip(jobs, configs(jobs), strict=True):
        amount = f"budget.amount={config.budget.amount!r}"
        (same,) = configs(collect([f"model={job.auto or 'nano'}", amount]))
        assert config.model.hidden_size == same.model.hidden_size


def test_a_budget_in_tokens_is_taken_for_what_it_costs() -> None:
    (job,) = collect(["model=auto", "budget=tokens", f"budget.amount={LAST.begins('tokens')!r}"])
    assert job.auto == LAST.name


def test_auto_may_be_chosen_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ndefaults:\n  - override /model: auto\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    (job,) = collect(["--config-dir", str(tmp_path), "+experiment=mine", at(LAST)])
    assert job.auto == LAST.name
    assert job.overrides[-1] == f"model={LAST.name}"


@pytest.mark.parametrize("command", [["run"], ["plan"], ["run", "--cfg", "job"]])
@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (["budget=seconds"], "budget.unit is seconds: take budget=flops or budget=tokens"),
        (["budget=steps"], "budget.unit is steps"),
        (["budget.amount=1"], f"(model={FIRST.name}): raise budget.amount, or name a model"),
        (["budget.amount=0"], "a budget must be above 0"),
    ],
)
def test_a_budget_that_suits_no_preset_is_one_line(
    command: list[str],
    budget: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "out"
    assert main([*command, "model=auto", *budget, f"output_dir={folder}"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""
    assert not folder.exists()


def test_hydra_shows_the_preset(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for model in ("auto", LAST.name):
        assert main(["run", "--cfg", "job", f"model={model}", at(LAST)]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_help_and_lists_need_no_budget_that_suits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help", "model=auto", "budget=seconds"]) == 0
    assert "model.hidden_size=" in capsys.readouterr().out
    assert main(["list", "models", "budget=seconds"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "│ auto " in line]
    assert "what suits the budget" in line


def test_a_misspelt_setting_is_answered_with_those_of_the_preset(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "model=auto", "model.hiden_size=32"]) == 2
    text = capsys.readouterr().err
    assert "did you mean 'hidden_size'" in text
    assert "from_flops" not in text


def test_the_line_of_the_jobs_says_what_auto_took(monkeypatch: pytest.MonkeyPatch) -> None:
    class Job:
        def __init__(self, config: ExperimentConfig) -> None:
            self.config, self.label = config, "mlm"
            self.record_name = f"{config.budget.amount}"

    monkeypatch.setattr("cli.prepare.prepare", lambda configs, _, **more: [Job(c) for c in configs])
    monkeypatch.setattr("cli.prepare.describe", lambda _: "a machine")
    monkeypatch.setattr("cli.prepare.check_writable", lambda _: None)

    def prepared(model: str) -> Prepared:
        amounts = f"budget.amount={FIRST.from_flops!r},{LAST.from_flops!r}"
        return prepare_all([f"model={model}", amounts, "-m"], Silent())

    took = f"2 job(s) on a machine; model=auto took {FIRST.name} and {LAST.name}"
    assert prepared("auto").heading == took
    assert prepared("nano").heading == "2 job(s) on a machine"
