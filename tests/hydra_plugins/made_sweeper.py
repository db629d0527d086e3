"""A sweeper that adapts: it asks for two learning rates, then for one beside the better of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper


@dataclass
class MadeConf:
    _target_: str = "hydra_plugins.made_sweeper.Made"
    key: str = "objective.learning_rate"


ConfigStore.instance().store(group="hydra/sweeper", name="made", node=MadeConf, provider="tests")


class Made(Sweeper):
    def __init__(self, key: str) -> None:
        self.key = key

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.folder = Path(config.hydra.sweep.dir)

    def sweep(self, arguments: list[str]) -> None:
        def values(*rates: float) -> list[float]:
            jobs = [[*arguments, f"{self.key}={rate}"] for rate in rates]
            return [float(found.return_value) for found in self.launcher.launch(jobs, 0)]

        first = values(1e-3, 1e-2)
        second = values(2e-3 if first[0] < first[1] else 2e-2)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "told.txt").write_text(f"{[*first, *second]}")
