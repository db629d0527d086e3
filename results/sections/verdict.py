"""The answer for somebody who reads nothing else: three sentences, then a line a figure.

First whether anything was learned, then who leads and how sure that is, then what to do next.
"""

from results.alarms import checks
from results.comparison import Stratum
from results.costs import better_model
from results.evidence import Evidence, gather
from results.figures import limits, listed, number
from results.findings import Finding, best_simple
from results.learning import still_falling
from results.notes import LIKELIHOODS, read_note
from results.page import Block, Bullets, Prose, Section, code, strong
from results.rows import Row
from results.settings import differing
from results.titles import figure_title

ENOUGH_SEEDS = 5
"""Past these more seeds seldom decide what is still open."""


def section(stratum: Stratum) -> Section | None:
    """Three sentences, or one where there is nothing to compare; then what they rest on."""
    if not stratum.models:
        text = "No run finished, so there is nothing to say; the reasons stand below."
        return Section("Verdict", [Prose(text)])
    evidence = gather(stratum)
    sentences = [_what_was_learned(evidence), _who_leads(evidence), _what_next(evidence)]
    details = [_figure_line(evidence, finding) for finding in evidence.found if finding.models]
    details += [
        *_unranked(evidence),
        *_unlike_budgets(evidence),
        *_own_tasks(evidence),
        *_likelihoods(evidence),
        *_how_sure(evidence),
    ]
    alarming = [check.sought for check in checks(stratum) if check.alarms]
    if alarming:
        details.insert(0, f"{strong('Sanity')} (below) first: {'; '.join(alarming)}")
    blocks: list[Block] = [Prose(" ".join(sentences), sentences)]
    if details:
        blocks.append(Bullets([f"{line}." for line in details]))
    return Section("Verdict", blocks)


def _what_was_learned(evidence: Evidence) -> str:
    """Own losses beside unigram or start; probes beside start and simple methods."""
    states, hardly = evidence.learned.items(), evidence.plateau
    passed = [row for row, state in states if state.passed and row not in hardly]
    little = [row for row, state in states if state.passed and row in hardly]
    failed = [row for row, state in states if state.passed is False]
    parts = []
    if passed:
        verb = "is" if len(passed) == 1 else "are"
        parts.append(f"{_names(passed)} {verb} better {_own_task(evidence, passed)}")
    if failed:
        verb = "is" if len(failed) == 1 else "are"
        parts.append(f"{_names(failed)} {verb} not better {_own_task(evidence, failed)}")
    if little:
        parts.append(_still_on_plateau(little))
    total = sum(bool(finding.models) for finding in evidence.found)
    if total and evidence.start:
        gained, lost = (_figures(evidence, evidence.start, sign) for sign in (1, -1))
        if gained:
            parts.append(f"training helped some model on {gained} of {total} probe figures")
        else:
            which = "the one probe figure" if total == 1 else f"any of {total} probe figures"
            parts.append(f"training helped no model on {which}")
        if lost:
            parts[-1] += f" and made some model worse on {lost}"
    short = sum(_below_simple(evidence, finding) for finding in evidence.found)
    if short:
        parts.append(f"simple word statistics beat every model on {short} of {total}")
    nothing = "Nothing was learned yet: " if evidence.nothing_learned and parts else ""
    named = passed or failed or little
    kind = "" if not named else "model " if len(named) == 1 else "models "  # names keep their case
    return _sentence(
        (nothing or kind) + listed(parts)
        or "Nothing here tells whether the models learned anything"
    )


def _own_task(evidence: Evidence, rows: list[Row]) -> str:
    """What they were held against on their own task."""
    floors_of = {evidence.learned[row].floor for row in rows}
    words = {"unigram": "word frequencies are", "untrained": "the untrained model is"}
    whose = "its own task" if len(rows) == 1 else "their own tasks"
    return f"at {whose} than " + listed(
        [words.get(floor, f"the {floor} model is") for floor in sorted(floors_of)]
    )


def _figures(evidence: Evidence, signs: dict[tuple[Row, Finding], int], sign: int) -> int:
    """Figures in which some model is above (1) or below (-1) its floor."""
    return len({finding for (_, finding), found in signs.items() if found == sign})


def _below_simple(evidence: Evidence, finding: Finding) -> bool:
    """Whether every model lies below the best simple method."""
    found = [evidence.simple.get((row, finding)) for row in finding.models]
    return bool(found) and all(sign == -1 for sign in found)


def _who_leads(evidence: Evidence) -> str:
    """Leads by model; with one seed they hold for these test examples only."""
    stratum = evidence.stratum
    if len(stratum.models) == 1:
        only = stratum.models[0].label
        return f"Only {strong(only)} was trained here, so nothing is ranked."
    resolved = [finding for finding in evidence.found if finding.resolved]
    several = [finding for finding in resolved if finding.seeds > 1]
    wins = [finding for finding in several if _above_start(evidence, finding)]
    least_bad = [finding for finding in several if finding not in wins]
    ahead = [finding for finding in resolved if finding.seeds == 1]
    left = sum(len(f.ranking) > 1 and not f.resolved for f in evidence.found)
    parts = [f"{name} wins {_titles(stratum, own)}" for name, own in _by_leader(wins)]
    parts += [
        f"{name} is highest on {_titles(stratum, own)}, but not above the {stratum.start} model"
        for name, own in _by_leader(least_bad)
    ]
    if ahead:
        names = listed(
            [f"{name} is ahead on {_titles(stratum, own)}" for name, own in _by_leader(ahead)]
        )
        parts.append(f"on these test examples {names}, which another seed may turn")
    what = "setting" if len(stratum.objectives) == 1 else "objective"
    if left and parts:
        parts.append(f"{left} {'figure is' if left == 1 else 'figures are'} open")
    elif left:
        which = "the one figure" if left == 1 else f"any of {left} figures"
        parts.append(f"no {what} leads on {which} that two models have")
    if evidence.off_budget and not parts:
        names = _names(list(evidence.off_budget))
        parts.append(f"nothing is ranked, since {names} spent another budget")
    elif evidence.plateau and not parts:
        parts.append(f"nothing is ranked, since {_still_on_plateau(list(evidence.plateau))}")
    if what == "setting":
        unlike = differing([row.settings for row in stratum.models])
        swept = listed([name.removeprefix("objective.") for name in unlike])
        parts.insert(0, f"only {stratum.objectives[0]} was trained, at several {swept}")
    return _sentence("; ".join(parts) or "no two models share a probe figure, so nothing is ranked")


def _above_start(evidence: Evidence, finding: Finding) -> bool:
    """Whether the leader is above its start, or there is none to be above of."""
    assert finding.leader is not None
    return evidence.start.get((finding.leader, finding), 1) > 0


def _by_leader(found: list[Finding]) -> list[tuple[str, list[Finding]]]:
    grouped: dict[str, list[Finding]] = {}
    for finding in found:
        assert finding.leader is not None
        grouped.setdefault(strong(finding.leader.label), []).append(finding)
    return list(grouped.items())


def _what_next(evidence: Evidence) -> str:
    """The one thing that would change most."""
    stratum = evidence.stratum
    budget = stratum.record.config["budget"]
    larger = code(f"budget.amount={4 * budget['amount']:g}")
    better = better_model(stratum)
    smaller = "a smaller model" + (f" ({code(f'model={better}')})" if better else "")
    if evidence.nothing_learned:
        return (
            f"Next: a larger budget (such as {larger}) or {smaller}; more seeds would only "
            "measure more exactly that nothing was learned."
        )
    if len(stratum.models) == 1:
        return (
            f"Next: name several objectives in one command ({code('objective=clm,mlm,simcse -m')})."
        )
    if len(stratum.models) - len(evidence.plateau) < 2:
        return (
            f"Next: a larger budget (such as {larger}) or {smaller}, since more seeds take no "
            "model off the plateau."
        )
    left = [f for f in evidence.found if len(f.ranking) > 1 and not f.resolved]
    falling = [row for row in stratum.models if still_falling(stratum, row)]
    helped = not evidence.start or any(sign == 1 for sign in evidence.start.values())
    if falling and not helped:
        return (
            f"Next: a larger budget (such as {larger}), since training helped no model yet and the "
            f"held-out loss of {_names(falling)} was still falling; seeds come after that."
        )
    if evidence.seeds < 3:
        return (
            f"Next: the same command with {code('seed=0,1,2 -m')}, which goes on from these runs."
        )
    if left and evidence.seeds < ENOUGH_SEEDS:
        seeds = ",".join(map(str, range(ENOUGH_SEEDS)))
        return f"Next: more seeds for what is open ({code(f'seed={seeds} -m')})."
    if falling:
        return (
            f"Next: a larger budget (such as {larger}), since the held-out loss of "
            f"{_names(falling)} was still falling."
        )
    return "Next: tune the learning rate of the leaders, with equal effort, before relying on this."


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
        return f"no model is ranked; {shown}, the highest"
    nearest = finding.nearest
    if finding.leader is None or nearest is None:
        return f"open; {shown}, no more than others on shared seeds"
    rival, contrast = nearest
    lead = (
        f"{contrast.difference:.3f} ({limits(contrast)}) above {rival.label}"
        f"{', the nearest of ' + str(len(finding.ranking) - 1) if len(finding.ranking) > 2 else ''}"
    )
    name = finding.leader.label
    if not finding.resolved:
        among = "" if finding.models[0] in finding.ranking else " of those ranked"
        return f"open; {name} is highest{among}, {lead}"
    value = stratum.estimate(finding.leader, *finding.figure)
    return f"{strong(name)} {number(value.value if value else None)}, {lead}"


def _beside(signs: dict[tuple[Row, Finding], int], finding: Finding, floor: str) -> str:
    told = []
    for sign, place in ((1, "above"), (-1, "below")):
        rows = [row for row in finding.models if signs.get((row, finding)) == sign]
        told += [f"{_names(rows)} {place}"] if rows else []
    return f"{', '.join(told)} {floor}" if told else f"nobody told apart from {floor}"


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
    return [f"{_still_on_plateau(list(found))}: {each} under word frequencies; {ranked} not ranked"]


def _unlike_budgets(evidence: Evidence) -> list[str]:
    """Models that spent another budget than the others."""
    each = [f"{row.label} {share:.2f}" for row, share in evidence.off_budget.items()]
    return [f"not ranked, having spent so many times the budget: {listed(each)}"] if each else []


def _still_on_plateau(rows: list[Row]) -> str:
    return f"{_names(rows)} {'has' if len(rows) == 1 else 'have'} not left the plateau"


def _own_tasks(evidence: Evidence) -> list[str]:
    """Models whose own loss cannot say whether they learned."""
    silent = [row for row, state in evidence.learned.items() if state.passed is None]
    if not silent:
        return []
    whose = "its" if len(silent) == 1 else "their"
    return [
        f"{_names(silent)}: {whose} own loss does not tell whether anything was learned (solved "
        "before training, or without a floor); the probes may"
    ]


def _likelihoods(evidence: Evidence) -> list[str]:
    """Which figures set unlike likelihoods side by side."""
    found = []
    for finding in evidence.found:
        kinds: dict[str, list[Row]] = {}
        for row in finding.models:
            note, _ = read_note(row.note(finding.figure))
            if note in LIKELIHOODS:
                kinds.setdefault(note, []).append(row)
        if len(kinds) > 1:
            scored = listed([f"{_names(rows)} by {LIKELIHOODS[k]}" for k, rows in kinds.items()])
            found.append(
                f"{figure_title(evidence.stratum, finding.figure)} sets unlike quantities "
                f"side by side: {scored}. It says which model prefers the better sentence more "
                "often, each by its own measure, and not which likelihood is better"
            )
    return found


def _how_sure(evidence: Evidence) -> list[str]:
    stratum, number_of = evidence.stratum, len(evidence.found)
    if len(stratum.models) < 2:
        return []
    seeds = {tuple(row.seeds) for row in stratum.models}
    shared = evidence.seeds
    if shared > 1:
        text = (
            f"How sure: the intervals cover other seeds and other test examples together, on the "
            f"{shared} seeds that all models share"
        )
    elif shared == 1:
        text = (
            "How sure: one shared seed, so the intervals cover other test examples and not other "
            "seeds; nothing is called a win"
        )
    else:
        text = "How sure: some models share no seed, and those are not ranked"
    if len(seeds) > 1:
        each = [f"{row.label} {', '.join(map(str, row.seeds))}" for row in stratum.models]
        text += f" (seeds: {'; '.join(each)})"
    corrected = (
        f"; a lead must hold against every rival, corrected over {number_of} figures (Holm), and "
        "what is said of floors is corrected over all models and figures"
    )
    return [text + (corrected if number_of > 1 else "; a lead must hold against every rival")]


def _names(rows: list[Row]) -> str:
    return listed([row.label for row in rows])


def _titles(stratum: Stratum, found: list[Finding]) -> str:
    return listed([figure_title(stratum, finding.figure) for finding in found])


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
