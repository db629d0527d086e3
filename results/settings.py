"""What tells two runs apart: their configurations, flattened and compared."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from results.record import FINISHED, RunRecord

Flat = dict[str, Any]
"""Settings by dotted name."""

TRAINED_WITH = ("model", "objective", "budget", "trainer")
"""Parts of a configuration that decide what is trained; the data are told by their fingerprint."""

_NOT_OF_A_LOSS = ("learning_rate", "rows_per_update")
"""Settings of an objective that its loss on held-out text does not depend on."""


def flat(settings: Mapping[str, Any], prefix: str = "") -> Flat:
    """Nested settings by dotted name, as JSON has them: tuples are lists."""
    found: Flat = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + str(key)] = json.loads(json.dumps(value, default=str))
    return found


def training_settings(record: RunRecord) -> Flat:
    """All that decides what a run trains, but its seed."""
    parts = {part: record.config[part] for part in TRAINED_WITH if record.config.get(part)}
    return flat(
        parts if record.kind == "run" else {k: v for k, v in parts.items() if k != "budget"}
    )


def measure_settings(record: RunRecord, measure: str) -> Flat:
    """How a record took one of its measures: the settings of a probe, or of a loss's objective."""
    kind, _, name = measure.partition(" ")
    if kind != "probe":
        settings = record.config.get("columns", {}).get(name, {})
        return flat({key: value for key, value in settings.items() if key not in _NOT_OF_A_LOSS})
    probes = record.config.get("probes", {})
    own = flat(probes.get(name.removesuffix(FINISHED), {}))
    if not name.endswith(FINISHED):
        return own
    finish = record.config["finish"]
    return {**own, **flat({"finish": finish, "finish.on": probes[finish["probe"]]})}


def key_of(settings: Flat) -> str:
    """A text that is equal where all settings are."""
    return json.dumps(settings, sort_keys=True)


def differing(all_settings: Sequence[Flat]) -> list[str]:
    """Names of the settings that are not the same everywhere, sorted; missing is a value too."""
    names = sorted({name for settings in all_settings for name in settings})
    return [
        name
        for name in names
        if len({json.dumps(settings.get(name)) for settings in all_settings}) > 1
    ]


def told(settings: Flat, names: Iterable[str]) -> str:
    """Some settings in a line: `mlm_probability=0.3, trainer.weight_decay=0`."""
    return ", ".join(
        f"{name.removeprefix('objective.')}={short(settings[name])}"
        for name in names
        if name in settings
    )


def commonest(all_settings: Sequence[Flat], name: str) -> Any:
    """The value that most have, or None where two are equally common."""
    counts = Counter(json.dumps(settings.get(name)) for settings in all_settings).most_common(2)
    tied = len(counts) > 1 and counts[0][1] == counts[1][1]
    return None if tied else json.loads(counts[0][0])


def short(value: Any) -> str:
    """A setting as tables show it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str) and len(value) == 64:  # a hash
        return value[:8]
    if isinstance(value, list):
        return "[" + ", ".join(map(short, value)) + "]"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


FOLLOWS = {"trainer.learning_rate_scale": "model.weights"}
"""Settings that are what another makes them, unless they are given."""


def leading(names: Sequence[str], all_settings: Sequence[Flat]) -> list[str]:
    """Those that do not follow from another one among them."""

    def values(names: Sequence[str]) -> int:
        return len({key_of({n: settings.get(n) for n in names}) for settings in all_settings})

    return [
        name
        for name in names
        if FOLLOWS.get(name) not in names or values([FOLLOWS[name]]) < values([FOLLOWS[name], name])
    ]
