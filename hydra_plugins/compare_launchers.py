"""Launchers of Hydra: they hand a sweep's jobs over together, and tell its sweeper their values.

Hydra looks for plugins in this namespace. What runs jobs stands in cli/.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict


class Together(Launcher):
    """Composes every job of a batch before the first is run.

    Its task function has `compose`, of a job's configuration, and `run`, of what that gave for all
    jobs, which returns a value or an exception for each.

    Args:
        settings: of the group's option; whoever composes jobs reads them from Hydra's own
            configuration.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra."""
        self._context, self._task, self._config = hydra_context, task_function, config

    @property
    def _is_plain(self) -> bool:
        """Whether the sweeper is Hydra's own, which optimises nothing and ends at an exception."""
        return str(self._config.hydra.sweeper._target_).endswith(".BasicSweeper")

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Called by a sweeper with a batch; of those that adapt, with one after the other."""
        task: Any = self._task
        composed, returns = [], []
        for number, overrides in enumerate(job_overrides, start=initial_job_idx):
            config = self._context.config_loader.load_sweep_config(self._config, list(overrides))
            with open_dict(config):
                config.hydra.job.id, config.hydra.job.num = str(number), number
            HydraConfig.instance().set_config(config)
            own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
            composed.append(task.compose(own))
            returns.append(JobReturn(overrides=list(overrides), cfg=own))
        for found, value in zip(returns, task.run(composed), strict=True):
            failed = isinstance(value, Exception) and not self._is_plain
            found.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
            found.return_value = value if failed or isinstance(value, float) else None
        return returns


@dataclass
class ProcessesConf:
    """Each job in a process of its own.

    Attributes:
        workers: at a time.
        hang_seconds: without a sign of progress, after which one is ended.
    """

    _target_: str = "hydra_plugins.compare_launchers.Together"
    workers: Any = "${workers}"
    hang_seconds: Any = "${hang_seconds}"


@dataclass
class InlineConf:
    """One job after the other, in the command's own process: for a debugger."""

    _target_: str = "hydra_plugins.compare_launchers.Together"


for _name, _node in (("processes", ProcessesConf), ("inline", InlineConf)):
    ConfigStore.instance().store(group="hydra/launcher", name=_name, node=_node, provider="compare")
