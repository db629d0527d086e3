"""Local agreement of subject and verb, from the corpus's own held-out sentences, by rule."""

import re
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from results.facts import LEFT_OUT
from results.record import Metric
from runners.corpora.corpus import Corpus
from runners.probes.base import NotApplicableError, Probe, Task
from runners.probes.minimal_pairs import ACCURACY_MACRO, MinimalPairsTask, SentencePairs
from runners.probes.sentences import clean_sentences, held_out, training_text

MIN_PAIRS = 500
"""Fewer are one verb ("is") over and over: then the probe is left out."""

_AUXILIARIES = {"is": "are", "was": "were", "has": "have", "does": "do"}
_VERBS = (
    "accept add allow apply assume begin behave belong call check compute consist contain control "
    "correspond create define depend describe determine differ end exist expect follow give handle "
    "hold implement include indicate maintain make map mean need occur operate perform produce "
    "provide raise refer rely remain represent require return run show specify start store support "
    "take use work"
).split()


def _singular(verb: str) -> str:
    return verb[:-1] + "ies" if verb.endswith("ly") else verb + "s"  # apply, rely


_PLURAL_OF = {**_AUXILIARIES, **{_singular(verb): verb for verb in _VERBS}}
_SINGULAR_OF = {plural: singular for singular, plural in _PLURAL_OF.items()}

_SINGULAR_SUBJECT = re.compile(r"(?:the|this|each|a|an|it|that|every|which)\b")
_PLURAL_SUBJECT = re.compile(r"(?:the|these|those|all|both|most|some|such|many) ")
_NOT_BEFORE = frozenset(
    # After these the verb is a base form, or its subject is not what stands before it.
    "can could may might must shall should will would to not do does did and or nor "
    "i you we they he she there".split()
)


def break_agreement(sentence: str) -> tuple[str, str] | None:
    """Swap the number of the first verb whose subject stands right before it.

    Args:
        sentence: clean prose (`is_clean`).

    Returns:
        The broken sentence and the verb as written, or None where the rule does not hold.
    """
    words = sentence[:-1].split()
    verbs = [
        i for i, word in enumerate(words) if i and (word in _PLURAL_OF or word in _SINGULAR_OF)
    ]
    if not verbs:
        return None
    place = verbs[0]
    verb, before = words[place], [word.lower() for word in words[:place]]
    nearby = {word.strip(",;:") for word in before[-4:]}
    if before[-1] in _NOT_BEFORE or before[-1][-1] in ",;:" or nearby & {"and", "or", "nor"}:
        return None
    if not _subject_fits(verb, before):
        return None
    words[place] = _PLURAL_OF.get(verb) or _SINGULAR_OF[verb]
    return " ".join(words) + sentence[-1], verb


def _subject_fits(verb: str, before: list[str]) -> bool:
    subject, noun = " ".join(before), before[-1]
    plural_noun = noun.endswith("s") and not noun.endswith(("ss", "is", "us"))
    if verb in ("is", "are", "was", "were", "has", "does"):
        return True
    if verb in ("have", "do"):  # elsewhere a base form
        pronouns = ("that", "which", "these", "those", "both", "all")
        return (plural_noun or noun in pronouns) and not _NOT_BEFORE & set(before)
    if len(before) > 4:
        return False
    if verb in _PLURAL_OF:
        return bool(_SINGULAR_SUBJECT.match(subject)) and not plural_noun
    return bool(_PLURAL_SUBJECT.match(subject + " ")) and (plural_noun or noun in ("which", "that"))


@dataclass(frozen=True, kw_only=True)
class AgreementProbe(Probe):
    """Minimal pairs of number agreement.

    Attributes:
        pairs: half with a singular and half with a plural verb as written.
        longest: words of a sentence.
    """

    pairs: int = MIN_PAIRS
    longest: int = 16

    def __post_init__(self) -> None:
        if self.pairs < MIN_PAIRS:
            raise ValueError(f"pairs is {self.pairs}; fewer than {MIN_PAIRS} say too little")

    @property
    @override
    def metrics(self) -> tuple[Metric, ...]:
        return (ACCURACY_MACRO,)

    @override
    def load(self, corpus: Corpus, *, hub_dir: Path | None, cache_dir: Path) -> Task:
        """Make the pairs from the test split, balanced between the two directions."""
        found, repeated = held_out(corpus, clean_sentences(corpus, "test", longest=self.longest))
        by_number: tuple[list[tuple[str, str, str]], ...] = ([], [])
        for sentence in found:
            broken = break_agreement(sentence)
            if broken:
                by_number[broken[1] in _SINGULAR_OF].append((sentence, *broken))
        half = self.pairs // 2
        if min(map(len, by_number)) < half:
            raise NotApplicableError(
                f"the test split of {corpus.card.label} yields {len(by_number[0])} singular and "
                f"{len(by_number[1])} plural pairs; {half} of each are needed"
            )
        chosen = [*by_number[0][:half], *by_number[1][:half]]
        kinds = [
            verb
            if verb in (*_AUXILIARIES, *_AUXILIARIES.values())
            else "other " + ("singular" if verb in _PLURAL_OF else "plural")
            for *_, verb in chosen
        ]
        good = [sentence for sentence, *_ in chosen]
        return MinimalPairsTask(
            SentencePairs(good, [bad for _, bad, _ in chosen], kinds, [found[s] for s in good]),
            training_text(corpus),
            macro=True,
            seen=corpus.seen,
            known={LEFT_OUT: repeated},
        )
