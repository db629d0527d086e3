"""What tells two studies apart before anything is measured: settings, data, budget, code."""

from collections.abc import Iterator, Mapping, Sequence

from results.comparison import PROVENANCE, Stratum
from results.record import RunRecord
from results.settings import flat, short

Changed = tuple[str, str, str]
"""A setting with what it is in the one study and in the other; empty where it has none."""

Owned = tuple[str, str]
"""Whose a setting is (`objective clm`, `probe library`; empty where it is everybody's), and it."""

SAID_ALREADY = ("seed", "budget")
"""Parts of a configuration that stand in the table by themselves."""

NOTHING = ("null", "[]")
"""Settings that say as much as none does."""


def changed(first: Stratum, second: Stratum) -> list[Changed]:
    """Whatever differs, of objectives, probes and losses those that both have."""
    sides = [_settings(_records(stratum)) for stratum in (first, second)]
    owners = [{owner for owner, _ in side} for side in sides]
    names = [name for name in {**sides[0], **sides[1]} if name[0] in owners[0] & owners[1]]
    found = []
    for owner, name in sorted(names, key=_place):
        one, other = ("; ".join(side.get((owner, name), ())) for side in sides)
        if one != other and {one, other} - {"", *NOTHING}:
            found.append((f"{owner}: {name}" if owner else name, one, other))
    return found


def _place(name: Owned) -> tuple[str, str]:
    """What runs are told apart by as it comes, then settings by their dotted names."""
    owner, setting = name
    return owner, setting if owner or "." in setting else ""


def _records(stratum: Stratum) -> list[RunRecord]:
    runs = [run for row in stratum.models for model in row.models for run in model.runs]
    return [run.record for run in runs] or stratum.failed


def _settings(records: Sequence[RunRecord]) -> dict[Owned, Sequence[str]]:
    """Every setting with the values that it has in some record, sorted."""
    found: dict[Owned, set[str]] = {}
    for record in records:
        for name, value in _of_record(record):
            found.setdefault(name, set()).add(value)
    return {name: sorted(values) for name, values in found.items()}


def _of_record(record: RunRecord) -> Iterator[tuple[Owned, str]]:
    key, environment, config = record.stratum, record.environment, record.config
    named = {
        "model": key["model"],
        "data": f"{record.corpus.label} ({record.corpus.fingerprint[:12]})",
        "tokenizer": record.corpus.tokenizer[:12],
        "budget": key.get("budget", ""),
        "seeds": str(record.seed),
        "source code": environment.get("source", ""),
        **{name: environment.get(name, "") for name in PROVENANCE if name != "source"},
        **{k: v for k, v in environment.items() if k not in PROVENANCE},
        "probes": ", ".join(config.get("probes", {})),
        "losses": ", ".join(config.get("columns", {})),
    }
    yield from ((("", name), value) for name, value in named.items())
    owned: dict[str, Mapping[str, object]] = {f"objective {record.objective}": config["objective"]}
    owned |= {f"loss {name}": each for name, each in config.get("columns", {}).items()}
    owned |= {f"probe {name}": each for name, each in config.get("probes", {}).items()}
    rest = {
        name: part
        for name, part in config.items()
        if name not in (*SAID_ALREADY, "objective", "columns", "probes")
    }
    for owner, settings in {"": rest, **owned}.items():
        yield from (((owner, name), short(value)) for name, value in flat(settings).items())
