"""The answer for somebody who reads nothing else: three sentences, then a line a figure.

First whether anything was learned, then who leads and how sure that is, then what to do next.
"""

from results.alarms import checks
from results.comparison import Stratum
from results.costs import better_model
from results.evidence import Evidence, Standings, gather
from results.figures import listed
from results.findings import Finding, best_simple
from results.learning import still_falling
from results.page import Block, Bullets, Prose, Section, code, strong
from results.rows import Row
from results.sections.verdict_lines import among, details, furthest, names, still_on_plateau
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
    lines = details(evidence)
    alarming = [check.sought for check in checks(stratum) if check.alarms]
    if alarming:
        lines.insert(0, f"{strong('Sanity')} (below) first: {'; '.join(alarming)}")
    blocks: list[Block] = [Prose(" ".join(sentences), sentences)]
    if lines:
        blocks.append(Bullets([f"{line}." for line in lines]))
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
        parts.append(f"{names(passed)} {verb} better {_own_task(evidence, passed)}")
    if failed:
        verb = "is" if len(failed) == 1 else "are"
        parts.append(f"{names(failed)} {verb} not shown to be better {_own_task(evidence, failed)}")
    if little:
        parts.append(still_on_plateau(little))
    parts += [*_what_training_gave(evidence), *_below_simple(evidence)]
    nothing = ""
    if evidence.nothing_shown and parts:
        nothing = (
            f"{'Hardly anything' if little else 'Nothing'} is shown to have been learned yet: "
        )
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


def _what_training_gave(evidence: Evidence) -> list[str]:
    """On how many figures some model is better, or worse, than what it was before training."""
    total = len({finding for _, finding in evidence.start})
    if not total:
        return []
    (gained, told_gained), (lost, told_lost) = (
        _counted(evidence.start, sign, total) for sign in (1, -1)
    )
    if gained:
        text = f"training helped some model on {told_gained}"
    else:
        which = "the one probe figure" if total == 1 else f"any of {total} probe figures"
        text = f"training is not shown to have helped any model on {which}"
        text += told_gained
    if lost:
        text += f" and made some model worse on {told_lost}"
    return [text]


def _counted(standings: Standings, sign: int, total: int) -> tuple[int, str]:
    """Figures in which some model is better (1) or worse (-1), and how that is told."""
    shown = len({finding for (_, finding), each in standings.items() if each.shown == sign})
    alone = len({finding for (_, finding), each in standings.items() if each.alone == sign})
    told = f"{shown} of {total} probe figures" if sign == 1 else str(shown)
    more = f" ({alone} before correction)" if alone != shown else ""
    return shown, (told if shown else "") + more


def _below_simple(evidence: Evidence) -> list[str]:
    """In how many figures every model is worse than the best simple method, and which these are."""
    having = [f for f in evidence.found if any((row, f) in evidence.simple for row in f.models)]
    short = []
    for finding in having:
        found = [evidence.simple.get((row, finding)) for row in finding.models]
        if all(standing is not None and standing.shown == -1 for standing in found):
            short.append(best_simple(evidence.stratum, finding.figure))
    if not short:
        return []
    methods = listed(list(dict.fromkeys(row.label for row in short if row)))
    which = "that has one" if len(having) == 1 else "that have one"
    figures = "figure" if len(having) == 1 else "figures"
    return [
        f"a simple method beats every model on {len(short)} of {len(having)} {figures} {which} "
        f"({methods})"
    ]


def _who_leads(evidence: Evidence) -> str:
    """Leads by model; with one seed they hold for these test examples only."""
    stratum = evidence.stratum
    if len(stratum.models) == 1:
        only = stratum.models[0].label
        return f"Only {strong(only)} was trained here, so nothing is ranked."
    resolved = [finding for finding in evidence.found if finding.resolved]
    several = [finding for finding in resolved if finding.seeds > 1]
    wins = [finding for finding in several if _beside_start(evidence, finding) == 1]
    ahead = [finding for finding in resolved if finding.seeds == 1]
    left = sum(len(f.ranking) > 1 and not f.resolved for f in evidence.found)
    parts = [f"{name} wins {_titles(stratum, own)}" for name, own in _by_leader(wins)]
    for found in _alike(evidence, [finding for finding in several if finding not in wins]):
        is_open = _beside_start(evidence, found[0]) == 0
        told = "not shown to be better" if is_open else "worse"
        parts += [
            f"{name} is {furthest(found[0])}{among(found[0])} on {_titles(stratum, own)}, but "
            f"{told} than the {stratum.start} model"
            for name, own in _by_leader(found)
        ]
    if ahead:
        told = listed(
            [f"{name} is ahead on {_titles(stratum, own)}" for name, own in _by_leader(ahead)]
        )
        parts.append(f"on these test examples {told}, which another seed may turn")
    what = "setting" if len(stratum.objectives) == 1 else "objective"
    if left and parts:
        parts.append(f"{left} {'figure is' if left == 1 else 'figures are'} open")
    elif left:
        which = "the one figure" if left == 1 else f"any of {left} figures"
        parts.append(f"no {what} leads on {which} that two models have")
    if evidence.off_budget and not parts:
        who = names(list(evidence.off_budget))
        parts.append(f"nothing is ranked, since {who} spent another budget")
    elif evidence.plateau and not parts:
        parts.append(f"nothing is ranked, since {still_on_plateau(list(evidence.plateau))}")
    if what == "setting":
        unlike = differing([row.settings for row in stratum.models])
        swept = listed([name.removeprefix("objective.") for name in unlike])
        parts.insert(0, f"only {stratum.objectives[0]} was trained, at several {swept}")
    return _sentence("; ".join(parts) or "no two models share a probe figure, so nothing is ranked")


def _beside_start(evidence: Evidence, finding: Finding) -> int:
    """Where the leader is shown to stand beside its start; 1 too where there is none."""
    assert finding.leader is not None
    found = evidence.start.get((finding.leader, finding))
    return found.shown if found else 1


def _alike(evidence: Evidence, found: list[Finding]) -> list[list[Finding]]:
    """Those of which the same can be said in one sentence."""
    grouped: dict[tuple[object, ...], list[Finding]] = {}
    for each in found:
        key = furthest(each), among(each), _beside_start(evidence, each)
        grouped.setdefault(key, []).append(each)
    return list(grouped.values())


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
    if evidence.nothing_shown:
        return (
            f"Next: a larger budget (such as {larger}) or {smaller}, since nothing is shown to "
            "have been learned yet; seeds come after that."
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
    if falling and evidence.start and not evidence.helped:
        return (
            f"Next: a larger budget (such as {larger}), since training is not shown to have helped "
            f"any model yet and the held-out loss of {names(falling)} was still falling; seeds "
            "come after that."
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
            f"{names(falling)} was still falling."
        )
    return "Next: tune the learning rate of the leaders, with equal effort, before relying on this."


def _titles(stratum: Stratum, found: list[Finding]) -> str:
    return listed([figure_title(stratum, finding.figure) for finding in found])


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
