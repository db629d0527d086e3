import pytest

from runners.corpora.prose import NaturalPairs
from runners.measures.finetune import FinetuneConfig
from runners.probes.base import Task
from runners.probes.classification import ClassificationTask
from runners.probes.labelled import Labelled
from runners.probes.minimal_pairs import MinimalPairsTask, SentencePairs
from runners.probes.parts import part_of, scores_texts
from runners.probes.retrieval import RetrievalTask
from runners.probes.similarity import ScoredPairs, SimilarityTask
from runners.probes.structure import StructureTask
from runners.probes.trees import Parsed
from runners.probes.word_order import WordOrderTask

TEXTS = [f"{'bad' if n % 2 else 'good'} text {n}" for n in range(1024)]


def labelled(count: int) -> Labelled:
    return Labelled(TEXTS[:count], [text.split()[0] for text in TEXTS[:count]], TEXTS[:count])


CLASSIFIED = ClassificationTask(labelled(1024), labelled(512), ("frozen",), FinetuneConfig())
PAIRS = MinimalPairsTask(SentencePairs(TEXTS, TEXTS[::-1], ["swap"] * 1024), TEXTS)
PARSED = Parsed([tuple(t.split()) for t in TEXTS], [(0, 1, 2)] * 1024, [(True,) * 3] * 1024)


@pytest.mark.parametrize(
    ("task", "times"),
    [
        (CLASSIFIED, 4),
        (PAIRS, 32),
        (WordOrderTask(PAIRS, CLASSIFIED), 4),
        (WordOrderTask(PAIRS, None), 32),
        (RetrievalTask(NaturalPairs(TEXTS, TEXTS[::-1], TEXTS)), 32),
        (SimilarityTask(ScoredPairs(TEXTS, TEXTS[::-1], list(map(float, range(1024))))), 32),
        (StructureTask(PARSED, PARSED), 4),
    ],
)
def test_a_part_is_the_same_work_on_fewer_examples(task: Task, times: float) -> None:
    part, found = part_of(task)
    assert type(part) is type(task)
    assert found == times
    assert scores_texts(part) == isinstance(task, MinimalPairsTask | WordOrderTask)
    assert list(part.baselines()) == list(task.baselines())


def test_examples_stay_with_their_labels_and_all_classes_stay() -> None:
    part, _ = part_of(CLASSIFIED)
    assert isinstance(part, ClassificationTask)
    assert len(part.train.texts) == 256
    assert part.train.labels == [text.split()[0] for text in part.train.texts]
    assert set(part.train.labels) == {"good", "bad"}


def test_a_small_task_is_its_own_part() -> None:
    small = ClassificationTask(labelled(64), labelled(64), ("frozen",), FinetuneConfig())
    part, times = part_of(small)
    assert times == 1
    assert part.fingerprint == small.fingerprint
