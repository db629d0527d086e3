"""`compare submit`: the jobs of a command on a Slurm cluster, each as a task of one array."""

import argparse
import shutil
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from cli.arguments import parser_of
from cli.cluster import JobRun, job_command
from cli.main import UsageError
from cli.paths import shown
from cli.prepare import prepare_all, write_files
from cli.progress import Display
from results.store import ResultStore

REQUEUES = 1000
"""How often a job may come to the end of its minutes: it goes on each time."""

EXAMPLES = """\
compare submit objective=clm,mlm,simcse -m --partition gpu --gpus 1 trainer.dtype=bfloat16
compare submit objective=clm,mlm seed=0,1,2 -m --cpus 16 --memory 32 trainer.dtype=float32
"""


def main(arguments: Sequence[str]) -> int:
    """Freeze every job that is not finished in a file, and submit them."""
    parser = _parser()
    parsed, given = parser.parse_known_args(list(arguments))
    parsed.processes = parsed.processes or max(1, parsed.gpus)
    cluster = "local" if parsed.local else "slurm"
    if not parsed.local and shutil.which("sbatch") is None:
        raise UsageError(
            "there is no sbatch here: submit where Slurm is (on a login node), or see with --local "
            "what would be done there"
        )
    submitit = _submitit()
    with Display() as display:
        prepared = prepare_all([*given, *_hardware(parsed, given)], display, here=parsed.local)
        display.say(prepared.heading if parsed.local else f"{len(prepared.jobs)} job(s)")
        store = ResultStore(prepared.jobs[0].config.output_dir)
        left = [
            file
            for job, file in zip(prepared.jobs, write_files(prepared), strict=True)
            if store.finished(job.record_name) is None
        ]
    report = f"compare report {shown(store.folder.parent)}"
    if not left:
        print(f"all {len(prepared.jobs)} job(s) are finished: {report}")
        return 0
    logs = store.folder.parent / "logs" / "submitit"
    executor = submitit.AutoExecutor(
        logs, cluster, slurm_max_num_timeout=REQUEUES, local_max_num_timeout=REQUEUES
    )
    executor.update_parameters(**_parameters(parsed))
    commands = [job_command(file, parsed.processes) for file in left]
    submitted = executor.map_array(JobRun(), commands)
    print(f"submitted {len(submitted)} job(s): {', '.join(job.job_id for job in submitted)}")
    print(f"what they say: {shown(logs)}")
    print(f"when they are done: {report}")
    return 0


def _hardware(parsed: argparse.Namespace, given: Sequence[str]) -> list[str]:
    """Settings of what the jobs will run on, which is not this machine, as far as none is given."""
    wanted = {"trainer.processes": parsed.processes}
    if not parsed.local:
        wanted |= {
            "trainer.device": "cuda" if parsed.gpus else "cpu",
            "trainer.threads": max(1, parsed.cpus // parsed.processes),
        }
    named = {argument.lstrip("+").partition("=")[0] for argument in given}
    return [f"{name}={value}" for name, value in wanted.items() if name not in named]


def _parameters(parsed: argparse.Namespace) -> dict[str, Any]:
    """As submitit calls them."""
    found: dict[str, Any] = {
        "name": "compare",
        "timeout_min": parsed.minutes,
        "cpus_per_task": parsed.cpus,
        "gpus_per_node": parsed.gpus,
    }
    if parsed.memory:
        found["mem_gb"] = parsed.memory
    if parsed.partition:
        found["slurm_partition"] = parsed.partition
    if parsed.at_once:
        found["slurm_array_parallelism"] = parsed.at_once
    if parsed.slurm:
        found["slurm_additional_parameters"] = dict(parsed.slurm)
    return found


def _submitit() -> ModuleType:
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise UsageError(
            "the package submitit is not installed; in the folder of this project "
            "`pip install --constraint constraints.txt --editable '.[cluster]'` brings it"
        ) from error
    module: ModuleType = submitit
    return module


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "submit",
        "Submit the jobs of a `compare run` command to Slurm, each as a task of one array. One "
        "that is preempted, or comes to the end of its time, saves, is queued again and goes on.",
        examples=EXAMPLES,
        more="All else is as for `compare run`. The nodes must see output_dir and this Python. "
        "What a node would find out by itself, such as trainer.dtype, is to be said.",
    )
    parser.allow_abbrev = False
    for name, default, word in (
        ("gpus", 0, "of a job (default: none)"),
        ("cpus", 4, "cores of a job (default: 4)"),
        ("memory", 0, "GB of a job (default: the cluster's)"),
        ("minutes", 240, "after which a job is queued again (default: 240)"),
        ("processes", 0, "that share a job's training (default: one for each of its GPUs)"),
        ("at-once", 0, "jobs that run at the same time at most (default: all)"),
    ):
        parser.add_argument(f"--{name}", type=_count, default=default, metavar="N", help=word)
    parser.add_argument("--partition", metavar="NAME", help="of the cluster")
    parser.add_argument(
        "--slurm", metavar="KEY=VALUE", action="append", type=_pair, help="account=mine, for one"
    )
    parser.add_argument("--local", action="store_true", help="here, all at once, without Slurm")
    parser.error = _error  # type: ignore[method-assign]
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {text!r}")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    key, mark, value = text.partition("=")
    if not (key and mark):
        raise argparse.ArgumentTypeError(f"KEY=VALUE is expected, not {text!r}")
    return key, value


def _error(message: str) -> Any:
    raise UsageError(f"{message}; `compare submit --help` shows what there is")
