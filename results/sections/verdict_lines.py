"""What the verdict rests on: a line a figure, then what keeps models from being compared."""

import math

from results.comparison import Stratum
from results.evidence import Evidence, Standings
from results.figures import limits, listed, number
from results.findings import Finding, best_simple
from results.notes import LIKELIHOODS, OF_WORDS, is_of_words, read_note
from results.page import strong
from results.rows import Row
from results.titles import figure_title


def details(evidence: Evidence) -> list[str]:
    """Every line, without a full stop."""
    return [
        *(_figure_line(evidence, finding) for finding in evidence.found if finding.models),
        *_unranked(evidence),
        *_unlike_budgets(evidence),
        *_own_tasks(evidence),
        *_likelihoods(evidence),
        *_how_sure(evidence),
    ]


def names(rows: list[Row]) -> str:
    """Of models, in a row."""
    return listed([row.label for row in rows])


def furthest(finding: Finding) -> str:
    """What the best of its models is."""
    return "highest" if finding.sign > 0 else "lowest"


def among(finding: Finding) -> str:
    """Behind that, where a model that is not ranked has a better figure."""
    return "" if finding.models[0] in finding.ranking else " of those ranked"


def still_on_plateau(rows: list[Row]) -> str:
    """That these models are on it."""
    return f"{names(rows)} {'has' if len(rows) == 1 else 'have'} not left the plateau"


def _beyond(finding: Finding, sign: int) -> str:
    """Where the better one of two lies (1), or the worse one (-1)."""
    return "above" if sign * finding.sign > 0 else "below"


def _figure_line(evidence: Evidence, finding: Finding) -> str:
    """One figure: its leader or that it is open, and where models stand beside the floors."""
    stratum, figure = evidence.stratum, finding.figure
    parts = [_lead_text(stratum, finding)]
    simple = best_simple(stratum, figure)
    if any((row, finding) in evidence.start for row in finding.models):
        parts.append(_beside(evidence.start, finding, f"the {stratum.start} model"))
    if simple:
        value = stratum.estimate(simple, *figure)
        name = f"{simple.label} ({number(value.value if value else None)})"
        parts.append(_beside(evidence.simple, finding, name))
    return f"{figure_title(stratum, figure)}: {'; '.join(parts)}"


def _lead_text(stratum: Stratum, finding: Finding) -> str:
    best = next(iter(finding.ranking or finding.models))
    value = stratum.estimate(best, *finding.figure)
    shown = f"{best.label} has {number(value.value if value else None)}"
    if len(finding.models) == 1:
        return f"{shown}, and no other model has the figure"
    if len(finding.ranking) == 1:
        return f"{shown}, and no other model is ranked"
    if not finding.ranking:
        return f"no model is ranked; {shown}, the {furthest(finding)}"
    nearest = finding.nearest
    if not any(best in pair for pair in finding.contrasts):
        return f"open; {shown}, and shares no seed with another that is ranked"
    if finding.leader is None or nearest is None:
        return f"open; {shown}, no better than others on shared seeds"
    rival, contrast = nearest
    apart = contrast if finding.sign > 0 else contrast.reversed
    lead = (
        f"{apart.difference:.3f} ({limits(apart)}) {_beyond(finding, 1)} {rival.label}"
        f"{', the nearest of ' + str(len(finding.ranking) - 1) if len(finding.ranking) > 2 else ''}"
    )
    leader = finding.leader
    having = [set(row.seeds) - set(row.missing(finding.figure)) for row in (leader, rival)]
    if having[0] != having[1]:
        lead += f", on the seeds of both ({', '.join(map(str, contrast.seeds))})"
    if not finding.resolved:
        return f"open; {leader.label} is {furthest(finding)}{among(finding)}, {lead}"
    value = stratum.estimate(leader, *finding.figure)
    return f"{strong(leader.label)} {number(value.value if value else None)}, {lead}"


def _beside(standings: Standings, finding: Finding, floor: str) -> str:
    """Who is shown above or below a floor, and who is so by an interval of its own alone."""
    found = [(row, each) for row in finding.models if (each := standings.get((row, finding)))]
    shown, alone = [], []
    for sign in (1, -1):
        place = _beyond(finding, sign)
        rows = [row for row, each in found if each.shown == sign]
        shown += [f"{names(rows)} {place}"] if rows else []
        rows = [row for row, each in found if each.alone == sign != each.shown]
        alone += [f"{names(rows)} {place}"] if rows else []
    text = f"{', '.join(shown)} {floor}" if shown else f"nobody told apart from {floor}"
    return text + (f", before correction {', '.join(alone)} it" if alone else "")


def _unranked(evidence: Evidence) -> list[str]:
    """Models that rank nowhere, with their losses."""
    found = evidence.plateau
    if not found:
        return []
    one = len(found) == 1
    each = listed(
        [
            f"{'' if one else row.label + ' '}{own:.2f} nats of {floor:.2f}"
            for row, (own, floor) in found.items()
        ]
    )
    ranked = "it is" if one else "they are"
    return [f"{still_on_plateau(list(found))}: {each} under word frequencies; {ranked} not ranked"]


def _unlike_budgets(evidence: Evidence) -> list[str]:
    """Models that spent another budget than the others."""
    each = [f"{row.label} {share:.2f}" for row, share in evidence.off_budget.items()]
    return [f"not ranked, having spent so many times the budget: {listed(each)}"] if each else []


def _own_tasks(evidence: Evidence) -> list[str]:
    """Models whose own loss cannot say whether they learned."""
    silent = [row for row, state in evidence.learned.items() if state.passed is None]
    if not silent:
        return []
    whose = "its" if len(silent) == 1 else "their"
    return [
        f"{names(silent)}: {whose} own loss does not tell whether anything was learned (solved "
        "before training, or without a floor); the probes may"
    ]


def _likelihoods(evidence: Evidence) -> list[str]:
    """Which figures set unlike likelihoods side by side."""
    found = []
    for finding in evidence.found:
        of_words = any(is_of_words(row, finding.figure[0]) for row in finding.models)
        told = OF_WORDS if of_words else LIKELIHOODS
        kinds: dict[str, list[Row]] = {}
        for row in finding.models:
            note, _ = read_note(row.note(finding.figure))
            if note in told:
                kinds.setdefault(note, []).append(row)
        if len(kinds) > 1:
            scored = listed([f"{names(rows)} by {told[kind]}" for kind, rows in kinds.items()])
            what = "foretells the last word better" if of_words else ""
            found.append(
                f"{figure_title(evidence.stratum, finding.figure)} sets unlike quantities "
                f"side by side: {scored}. It says which model "
                f"{what or 'prefers the better sentence more often'}, each by its own measure, and "
                "not which likelihood is better"
            )
    return found


def _how_sure(evidence: Evidence) -> list[str]:
    """What the intervals of ranked models cover, and what they are corrected for."""
    stratum = evidence.stratum
    if len(stratum.models) < 2:
        return []
    shared = evidence.shared
    several = any(len(finding.ranking) > 1 for finding in evidence.found)
    if not shared:
        text = "fewer than two models are ranked"
        text = "some models share no seed, and those are not ranked" if several else text
    elif shared == [1]:
        text = (
            "one shared seed, so the intervals cover other test examples and not other seeds; "
            "nothing is called a win"
        )
    else:
        text = "the intervals cover other seeds and other test examples together, on "
        text += _seeds(evidence)
    if shared and _apart(evidence):
        text += "; those that share no seed are not ranked against each other"
    if len({tuple(row.seeds) for row in stratum.models}) > 1:
        each = [f"{row.label} {', '.join(map(str, row.seeds))}" for row in stratum.models]
        text += f" (seeds: {'; '.join(each)})"
    if several:
        text += "; a lead must hold against every rival"
        number_of = len(evidence.found)
        text += f", corrected over {number_of} figures (Holm)" if number_of > 1 else ""
    if len(evidence.start) > 1 or len(evidence.simple) > 1:
        text += "; what is said of floors is corrected over all models and figures"
    return [f"How sure: {text}"]


def _seeds(evidence: Evidence) -> str:
    """On which seeds ranked models stand in contrasts, where some do on several."""
    fewest, most = evidence.shared[0], evidence.shared[-1]
    if fewest < most:
        alone = "; a lead on one seed is not called a win" if fewest == 1 else ""
        return f"the {fewest} to {most} seeds that two ranked models share, by figure{alone}"
    if _apart(evidence):
        return f"the {most} seeds that two ranked models share"
    return f"the {most} seeds that all {'' if most == evidence.seeds else 'ranked '}models share"


def _apart(evidence: Evidence) -> bool:
    """Whether some two that are ranked share no seed."""
    return any(len(f.contrasts) < math.comb(len(f.ranking), 2) for f in evidence.found)
