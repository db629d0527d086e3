"""Names of those facts of probes' data that a report judges; all others it only shows."""

TEST_EXAMPLES = "test examples"
TEST_SENTENCES = "test sentences"

COPIED = "test examples of which pretraining text holds a text, word for word"
RUN_WORDS = "words of a run looked for in pretraining text"
WITH_RUN = "test examples of which pretraining text holds a run of words"
RUNS_HELD = "runs of words of test examples that pretraining text holds"
"""Shares, but for RUN_WORDS: a number that is there wherever pretraining text was looked into."""

LEFT_OUT = "held-out texts that training text has too, left out"
PAIRS_LEFT_OUT = "held-out pairs of which training text has a side, left out"
SENTENCES_LEFT_OUT = "held-out sentences that training text has too, left out"
ALL_LEFT_OUT = (LEFT_OUT, PAIRS_LEFT_OUT, SENTENCES_LEFT_OUT)
"""Numbers; of probes that the corpus itself supplies."""

ALSO_TRAINING = {
    "test examples whose text is a training example too": TEST_EXAMPLES,
    "test sentences that are training sentences too": TEST_SENTENCES,
}
"""Numbers, with what they are a part of."""
EXAMPLES_ALSO_TRAINING, SENTENCES_ALSO_TRAINING = ALSO_TRAINING

CUT = "texts longer than a row, cut for models and simple methods alike"
CUT_FOR_MODELS = "texts longer than a row, of which models read a part and simple methods all"
CUT_TOGETHER = (
    "pairs longer than a row together, of which fine-tuned models read a part and others all"
)
ALL_CUT = (CUT, CUT_FOR_MODELS, CUT_TOGETHER)
"""Shares."""

CLASSES_UNSEEN = "test examples of a class that training lacks, which no model can get right"
TAGS_UNSEEN = "tags of test words that training lacks, which no model can get right"
"""Numbers."""

NAMED_MISSING = "examples with a label such as nan, None or NA, which counts as a class"
"""A number."""

JUDGED = frozenset(
    [COPIED, RUN_WORDS, WITH_RUN, RUNS_HELD, CLASSES_UNSEEN, TAGS_UNSEEN, NAMED_MISSING]
    + [name for names in (ALL_LEFT_OUT, ALSO_TRAINING, ALL_CUT) for name in names]
)
