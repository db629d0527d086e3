"""What tells one comparison of a page from the others."""

from results.comparison import Stratum
from results.settings import differing, told


def unlike(found: list[Stratum]) -> list[str]:
    """For every stratum what tells it from the others beside its summary: `source 3ab4`."""
    names = {"data": "data", "tokenizer": "tokenizer", "source": "source code"}
    lines = []
    for stratum in found:
        parts = [
            f"{what} {stratum.key[name][:8]}"
            for name, what in names.items()
            if len({other.key.get(name, "") for other in found}) > 1
        ]
        if len({other.key.get("versions", "") for other in found}) > 1:
            parts.append(stratum.key["versions"])
        measures = [
            {f"measures.{k}": v for k, v in s.record.config["measures"].items()} for s in found
        ]
        own = {f"measures.{k}": v for k, v in stratum.record.config["measures"].items()}
        parts += [told(own, differing(measures))] if differing(measures) else []
        lines.append("; ".join(parts))
    return lines
