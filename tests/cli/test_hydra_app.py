from dataclasses import asdict
from pathlib import Path

import hydra
import pytest
from checkpoints import save_checkpoint
from omegaconf import OmegaConf

from cli.configuration import experiment, sweep_columns
from cli.hydra_app import (
    CONFIG_FOLDER,
    VERSION_BASE,
    Composed,
    collect,
    compose_option,
    in_order,
    shown_only,
)
from cli.main import UsageError
from runners.configuration.experiment import ExperimentConfig, identity

SWEEP = "objective=clm,mlm"


def configure(arguments: list[str]) -> list[ExperimentConfig]:
    jobs: list[Composed] = collect(arguments)
    return [experiment(job, sweep_columns(jobs)) for job in jobs]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", SWEEP, "seed=1"],
        [SWEEP, "-m", "seed=1"],
        [SWEEP, "seed=1", "-m"],
        [SWEEP, "--multirun", "seed=1"],
    ],
)
def test_flags_stand_before_between_or_after(arguments: list[str]) -> None:
    assert [(c.objective.name, c.seed) for c in configure(arguments) if c.objective] == [
        ("clm", 1),
        ("mlm", 1),
    ]


def test_flags_with_values_keep_them() -> None:
    given = ["a=1", "--config-dir", "x", "b=2", "--cfg", "job", "c=3"]
    assert in_order(given) == ["--config-dir", "x", "--cfg", "job", "a=1", "b=2", "c=3"]
    assert shown_only(given)
    assert not shown_only(["a=1", "-m"])


def test_sweeps_choices_and_globs() -> None:
    found = configure(["objective=glob(c*)", "seed=0,1", "-m"])
    assert len(found) == 2 * len(list((CONFIG_FOLDER / "objective").glob("c*.yaml"))) > 4


@pytest.mark.parametrize("folder", ["model", "dataset", "budget", "probe"])
def test_every_option_composes(folder: str, tmp_path: Path) -> None:
    """Every objective does in tests/runners/configuration/test_read.py."""
    save_checkpoint(tmp_path / "checkpoint", "bert")
    for file in sorted((CONFIG_FOLDER / folder).glob("*.yaml")):
        extra = {
            ("model", "pretrained"): [
                f"model.path={tmp_path / 'checkpoint'}",
                "dataset.sequence_length=64",
            ],
            ("budget", "seconds"): ["model=nano"],
            ("budget", "steps"): ["model=nano"],
            ("dataset", "local"): ["dataset.path=x"],
            ("dataset", "hub"): ["dataset.path=x"],
        }.get((folder, file.stem), [])
        if folder == "probe" and "path: ???" in file.read_text():
            extra = ["probe.path=x.csv"]
        (config,) = configure([f"{folder}={file.stem}", *extra])
        assert identity(config)


@pytest.mark.parametrize(
    ("place", "changed", "rows"),
    [
        ("own", ("rows_per_update: 8", "rows_per_update: ${finish.rows_per_update}"), 32),
        ("own", ("rows_per_update: 8", "rows_per_update: ${oc.select:finish.epochs,9}"), 3),
        ("mine/own", ("# as mlm", "# in a folder of its own"), 8),
    ],
)
def test_an_objective_of_the_user_may_refer_to_anything(
    tmp_path: Path, place: str, changed: tuple[str, str], rows: int
) -> None:
    file = tmp_path / "objective" / f"{place}.yaml"
    file.parent.mkdir(parents=True)
    text = (CONFIG_FOLDER / "objective" / "mntp.yaml").read_text()
    file.write_text(text.replace(*changed))
    found = collect([f"objective={place}", "columns=[clm]", "--config-dir", str(tmp_path)])
    assert [job.values["objective"]["rows_per_update"] for job in found] == [rows]
    assert [job.columns["mntp"]["rows_per_update"] for job in found] == [rows]


def test_our_options_have_the_values_of_the_whole_configuration() -> None:
    with hydra.initialize_config_dir(str(CONFIG_FOLDER), **VERSION_BASE):
        for file in sorted((CONFIG_FOLDER / "objective").glob("*.yaml")):
            name = file.stem
            whole = hydra.compose("config", [f"objective={name}"])["objective"]
            assert compose_option("objective", name) == OmegaConf.to_container(whole, resolve=True)


@pytest.mark.parametrize("model", ["", "model=mini"])
def test_smoke_makes_whatever_is_chosen_tiny(model: str) -> None:
    chosen = [model] if model else []
    (config,) = configure(["objective=mlm", "+experiment=smoke", *chosen])
    assert config.budget.unit == "steps"
    assert config.model.num_layers == (4 if model else 2)


def test_equal_batches_can_be_forced() -> None:
    found = configure(["objective=clm,simcse", "trainer.rows_per_update=16", "-m"])
    assert [c.objective.rows_per_update for c in found if c.objective] == [16, 16]


def test_probes_of_the_user_join_the_others() -> None:
    (config,) = configure(["probe=[retrieval,classification]", "probe.path=my/reviews.csv"])
    assert [probe.name for probe in config.probes] == ["retrieval", "reviews"]


def test_probes_of_the_user_have_names_of_their_own() -> None:
    """Two of one kind, one of another, beside the corpus's own or instead of them."""
    own = [
        "+probe@probes.reviews=classification",
        "probes.reviews.path=a.csv",
        "+probe@probes.titles=classification",
        "probes.titles.path=a.csv",
        "probes.titles.text_column=title",
        "+probe@probes.pairs=similarity",
        "probes.pairs.path=b.csv",
    ]
    (config,) = configure(["probe=[retrieval]", *own])
    assert [probe.name for probe in config.probes] == ["retrieval", "reviews", "titles", "pairs"]
    (config,) = configure(["probe=[]", *own])
    assert [probe.name for probe in config.probes] == ["reviews", "titles", "pairs"]
    assert asdict(config.probes[1])["text_column"] == "title"
    (config,) = configure(["probe=classification", "probe.path=2024", "probe.name=7"])
    assert [probe.name for probe in config.probes] == ["7"]


def test_folders_may_be_named_by_numbers() -> None:
    (config,) = configure(["output_dir=20241125", "hub_dir=1"])
    assert config.output_dir == Path("20241125").resolve()
    assert config.hub_dir == Path("1")


def test_the_hubs_place_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPARE_HUB_DIR", "/some/where")
    assert configure([])[0].hub_dir == Path("/some/where")
    monkeypatch.delenv("COMPARE_HUB_DIR")
    assert configure([])[0].hub_dir is None


MISTAKES = [
    (["+=clm"], "'+=clm' names no setting; write NAME=VALUE"),
    (["+=clm,mlm", "-m"], "'+=clm,mlm' names no setting"),
    (["++ =clm"], "'++ =clm' names no setting"),
    (["objective=clmm"], "did you mean 'clm'"),
    (["objectiv=clm"], "did you mean 'objective'"),
    (["objective.mlm_probabilty=0.2"], "did you mean 'mlm_probability'"),
    (["model.hiden_size=4"], "did you mean 'hidden_size'"),
    (["+objective.typo=1"], "no objective.typo"),
    (["objective.mlm_probability=lots"], "objective.mlm_probability is 'lots'; a number"),
    (["objective.mlm_probability=1.5"], "must lie in (0, 1)"),
    (["budget.amount=0"], "a budget must be above 0"),
    (["budget.amount=-1"], "a budget must be above 0"),
    (["seed=-1"], "seed is -1"),
    (["seed=-1", "-m"], "seed is -1"),
    (["seed=1.5"], "seed is 1.5; a whole number"),
    (["seed=0,1"], "add -m"),
    (["experiment=smoke"], "write +experiment=smoke"),
    (["+exprimnt=smoke"], "did you mean 'experiment'"),
    (["+experiment=smok"], "did you mean 'smoke'"),
    (["+experiment=directions"], "a sweep over objective and seed: add -m"),
    (["buget.amount=1"], "did you mean 'budget'"),
    (["objective=clm_mlm", "objective.terms.mlm.mlm_probabilty=1"], "'mlm_probability'"),
    (["-m", SWEEP, "objective.mlm_probability=0.2"], "clm has no setting mlm_probability: of "),
    (["-m", "objective=glob([clm,mlm])", "objective.mlm_probability=0.2"], "belongs to mlm alone"),
    (
        ["-m", "objective=simcse,simcse_supervised", "objective.temperature=0.1"],
        "is swept, a setting of its options is written ++objective.temperature=0.1",
    ),
    (["-m", "probe=classification,similarity", "probe.path=a.csv"], "written ++probe.path=a.csv"),
    (["-m", "objective=clm,,mlm"], "a name is missing before or after one of its commas"),
    (["-m", "objective=clm,"], "a name is missing before or after one of its commas"),
    (["columns=[1]"], "columns: 1 names no objective"),
    (["columns=null"], "columns is null; a list is expected, columns=[]"),
    (["probe=classification", "probe.path="], "probe.path is empty"),
    (["objective=MLM"], "did you mean 'mlm'"),
    (["objective="], "objective= names no option; known: clip"),
    (["objective=null"], "objective=null names no option"),
    (["objective=[clm,mlm]"], "objective takes one option"),
    (["probe=null"], "probe=[] chooses none"),
    (["probe=[librry]"], "did you mean 'library'"),
    (["mlm"], "write objective=mlm"),
    (["smoke"], "write +experiment=smoke"),
    (["objective", "=", "mlm"], "objective=OPTION, without spaces"),
    (["seed:1"], "write seed=1"),
    (["seed==1"], "one = is enough, seed=1"),
    (["columns=[clm"], "a ] is missing"),
    (["columns=clm"], "a list is expected, columns=[clm]"),
    (["columns={a:1}"], "such as columns=[clm,mlm,simcse]"),
    (["plugins=a.py"], "a list is expected, plugins=[a.py]"),
    (["~objective"], "objective takes one option"),
    (["~probe"], "probe=[] chooses no probe"),
    (["~nothing"], "there is nothing of this name"),
    (["+model.dropout=0.1"], "write model.dropout=VALUE, without the +"),
    (["+objective=mlm"], "objective is chosen already"),
    (["seed=0", "seed=1"], "seed is given twice"),
    (["objective=glob(*)"], "add -m"),
    (["budget.amount=1,000"], "budget.amount=1000"),
    (["--objective=mlm"], "settings are written without dashes: objective=VALUE"),
    (["--budgt.amount=1"], "settings are written without dashes: budget.amount=VALUE"),
    (["hydra/launcher=basic"], "jobs are run by hydra/launcher=processes, each in a process"),
    (["optimise=retrieval mr"], "optimise: retrieval has no figure 'mr'; did you mean 'mrr'"),
    (["hang_seconds=0"], "hang_seconds is 0; a number of seconds above 0 is expected"),
    (["--cfg"], "expected one argument"),
    (["--config-dir"], "expected one argument"),
    (["output_dir="], "output_dir is empty"),
    (["output_dir=null"], "output_dir is empty"),
    (["dataset=local", "dataset.path="], "dataset.path is empty"),
    (["dataset=local", "dataset.path=a=b"], """write "dataset.path='a=b'\""""),
    (
        ["dataset=local", "dataset.path=my (old) files"],
        """write "dataset.path='my (old) files'\"""",
    ),
    (["dataset=local", "dataset.path=a,b"], """write "dataset.path='a,b'\""""),
    (["dataset=local", "dataset.path=${oops}"], "where ${ is part of a text"),
    (["dataset.path=x"], "there is no setting dataset.path; known: "),
    (["dataset.path=x"], "text of your own: add dataset=local, or dataset=hub"),
    (["probe.path=x.csv"], "add probe=KIND, one of classification, similarity, tagging"),
    (["probes.reviews.path=x"], "+probe@probes.reviews=classification probes.reviews.path=FILE"),
    (["+probe@probes.reviews=classification"], "give it as probes.reviews.path=VALUE"),
    (
        ["probe=[classification,similarity]", "probe.path=x.csv"],
        "+probe@probes.NAME1=classification probes.NAME1.path=FILE +probe@probes.NAME2=similarity",
    ),
    (
        [
            "probe=classification",
            "probe.path=a/x.csv",
            "+probe@probes.x=similarity",
            "probes.x.path=b",
        ],
        "probes.x and probe are both named 'x' in tables; give one another name: probe.name=OTHER",
    ),
    (["measures.primary=[librry accuracy_frozen]"], "did you mean 'library'"),
    (
        ["measures.primary=[library accuracy_knn]"],
        "probes.library.modes=[frozen,finetuned,knn] would",
    ),
    (
        ["probe=classification", "probe.path=a/x.csv", "measures.primary=[x accuracy_knn]"],
        "x does not measure 'accuracy_knn' here, which probe.modes=[frozen,finetuned,knn] would",
    ),
    (["objective=clm,mlm"], "add -m"),
    (["dataset=local"], "dataset.path is not set; give it as dataset.path=VALUE"),
    (["dataset.sequence_length=2048"], "model.max_length=1024"),
    (["objective=simcse", "objective.dropout=0"], "objective: dropout is 0"),
    (["objective=simcse", "objective.dropout=null"], "simcse needs dropout"),
    (["trainer.second_moment_tokens=0"], "trainer: second_moment_tokens is 0"),
    (["probe=nonsense"], "probe named 'nonsense'"),
    (["columns=[clm,xyz]"], "objective named 'xyz'"),
    (["objective={"], "objective={"),
    (["=3"], "override"),
    (["model.num_heads=3"], "choose a num_heads"),
    (["--config-dir", "/nowhere"], "/nowhere"),
    (["plugins=[nowhere.py]"], "nowhere.py"),
    ([f"plugins=[{CONFIG_FOLDER / 'config.yaml'}]"], "config.yaml is not a Python file"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_a_mistake_is_one_clear_message(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        configure(arguments)
    text = str(caught.value)
    assert message in text
    assert "Traceback" not in text
    assert len(text.splitlines()) == 1


def test_a_plugin_that_cannot_be_read_is_named_though_nothing_of_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys\n\ndef (:\n")
    with pytest.raises(UsageError, match=r"mine\.py, line 3 is not Python: invalid syntax"):
        configure([f"plugins=[{tmp_path / 'mine.py'}]"])


def test_a_configuration_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "objective").mkdir()
    (tmp_path / "objective" / "mine.yaml").write_bytes(b"name: na\xefve\n")
    for arguments in (["objective=mine"], ["columns=[mine]"]):
        with pytest.raises(UsageError, match=r"objective/mine\.yaml is not UTF-8 text .* save it"):
            configure(["--config-dir", str(tmp_path), *arguments])


def test_plugins_are_taken_from_the_command_line_only(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "sly.yaml").write_text("# @package _global_\nplugins: [evil.py]\n")
    with pytest.raises(UsageError, match="command line"):
        configure(["--config-dir", str(tmp_path), "+experiment=sly"])
