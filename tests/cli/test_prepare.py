import errno
import re
from pathlib import Path
from typing import Any

import pytest

import cli.prepare
from cli.figures import check_primary
from cli.main import UsageError, main
from cli.prepare import prepare_all
from results.record import Metric
from runners.probes.base import Probe, Task
from runners.probes.library import LibraryProbe
from runners.progress import Silent


class Given(Probe):
    @property
    def metrics(self) -> tuple[Metric, ...]:
        return Metric("accuracy_frozen"), Metric("accuracy_finetuned")

    def load(self, *_: Any, **__: Any) -> Task:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ("task acuracy_frozen", "task has no figure 'acuracy_frozen'; did you mean 'accuracy_f"),
        ("tsk accuracy_frozen", "names no probe; did you mean 'task'"),
        ("accuracy", "it is written 'PROBE METRIC'"),
    ],
)
def test_a_misspelt_primary_figure_is_answered(figure: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_primary([figure], [Given(name="task")], ["library"])


def test_figures_of_other_probes_and_of_modes_switched_off_may_be_declared() -> None:
    check_primary(["task accuracy_frozen", "library what"], [Given(name="task")], ["library"])
    library = LibraryProbe(name="library", modes=("frozen",))
    check_primary(["library accuracy_finetuned"], [library], [])
    with pytest.raises(ValueError, match="no figure 'acuracy_frozen'"):
        check_primary(["library acuracy_frozen"], [library], [])


@pytest.mark.parametrize(("own", "place"), [("", "probes.library"), ("library", "probe")])
def test_a_typed_figure_of_a_mode_switched_off_is_refused(own: str, place: str) -> None:
    library = LibraryProbe(name="library", modes=("frozen",))
    told = f"library does not measure 'accuracy_knn' here, which {place}.modes=[frozen,knn] would"
    with pytest.raises(ValueError, match=re.escape(told)):
        check_primary(["library accuracy_knn"], [library], [], measured=True, own=own)
    check_primary(["library accuracy_frozen"], [library], [], measured=True)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left", "/f"), "nothing more can be written to {folder}"),
        (OSError("Detail: [errno 27] File too large"), "nothing more can be written to {folder}"),
        (OSError(errno.EACCES, "Permission denied", "/f"), "failed: Permission denied, /f"),
    ],
)
def test_what_the_system_refuses_at_preparation_is_one_line(
    error: OSError,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refused(*_: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(cli.prepare, "prepare", refused)
    assert main(["run", f"output_dir={tmp_path}"]) == 2
    text = capsys.readouterr().err
    assert message.format(folder=tmp_path) in text
    assert "Traceback" not in text


def test_a_disk_that_fills_up_while_records_are_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cli.run.main", full)
    assert main(["run"]) == 1
    assert "No space left on device: what is finished is kept" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["objective=glob(nothing*)", "-m"], "a glob(...) matches no option"),
        (["output_dir={folder}/a,{folder}/b", "-m"], "all jobs of a command write to one folder"),
        (["hydra/launcher=joblib"], "known: basic, inline, processes"),
    ],
)
def test_commands_without_a_meaning(tmp_path: Path, arguments: list[str], message: str) -> None:
    given = [argument.format(folder=tmp_path) for argument in arguments]
    with pytest.raises(UsageError) as caught:
        prepare_all(given, Silent())
    assert message in str(caught.value)


def test_the_same_job_is_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Job:
        def __init__(self, config: Any) -> None:
            self.config, self.label = config, config.objective.name
            self.record_name = f"{self.label}-s{config.seed}"

    made: Any = lambda configs, _, **more: [Job(c) for c in configs]  # noqa: E731
    monkeypatch.setattr(cli.prepare, "prepare", made)
    said: list[str] = []
    monkeypatch.setattr(Silent, "say", lambda self, line: said.append(line))
    given = ["objective=clm,mlm,clm", "seed=0,0", "-m", f"output_dir={tmp_path}"]
    prepared = prepare_all(given, Silent())
    assert prepared.names == ["clm, seed 0", "mlm, seed 0"]
    assert [job.record_name for job in prepared.jobs] == ["clm-s0", "mlm-s0"]
    assert said == ["4 job(s) are the same as others and run once"]
