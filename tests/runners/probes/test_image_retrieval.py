import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from made_images import drawing
from objective_files import load_objective

from runners.probes.image_retrieval import ImageRetrievalTask, Pictures, thumbnails

COUNT = 24


def pictures(first: int, count: int) -> Pictures:
    drawn = [drawing(number) for number in range(first, first + count)]
    pixels = np.stack([pixels.transpose(2, 0, 1) for pixels, _, _ in drawn])
    categories = [name for _, _, name in drawn]
    categories[0] = ""  # one that the corpus knows no category of
    return Pictures(pixels, [caption for _, caption, _ in drawn], categories)


@pytest.fixture
def task() -> ImageRetrievalTask:
    return ImageRetrievalTask(pictures(100, COUNT), pictures(0, 96))


def evaluated(
    task: ImageRetrievalTask, images: np.ndarray, captions: np.ndarray, names: np.ndarray
) -> dict[str, Any]:
    """The measurements of a model that gives these vectors."""
    model: Any = SimpleNamespace(
        objectives=[load_objective("clip")],
        model=SimpleNamespace(heads={"image_tower": None}),
    )
    texts = iter([captions, names])
    with (
        patch.object(ImageRetrievalTask, "_encode_pictures", lambda *_: images),
        patch.object(ImageRetrievalTask, "_encode_texts", lambda *_: next(texts)),
    ):
        return {found.metric.name: found for found in task.evaluate(model, seed=0)}


def test_recall_is_counted_as_a_slow_loop_counts(task: ImageRetrievalTask) -> None:
    generator = np.random.default_rng(0)
    images = generator.normal(size=(COUNT, 6))
    captions = images + 0.9 * generator.normal(size=(COUNT, 6))
    found = evaluated(task, images, captions, generator.normal(size=(4, 6)))
    kinds = pictures(100, COUNT).categories
    for direction, (asked, answers) in {
        "image_to_text": (images, captions),
        "text_to_image": (captions, images),
    }.items():
        hits, within = {1: 0, 5: 0, 10: 0}, []
        for i in range(COUNT):
            scores = [float(asked[i] @ answers[j]) for j in range(COUNT)]
            rank = 1 + sum(score > scores[i] for score in scores)
            for k in hits:
                hits[k] += rank <= k
            rivals = [j for j in range(COUNT) if kinds[j] == kinds[i]]
            if kinds[i]:
                within.append(all(scores[j] <= scores[i] for j in rivals))
        for k, count in hits.items():
            assert found[f"{direction}_recall_at_{k}"].value == pytest.approx(count / COUNT)
        metric = f"{direction}_recall_at_1_in_category"
        assert found[metric].value == pytest.approx(np.mean(within))
        parts = [m for m in found if m.startswith(f"{metric} of ")]
        assert len(parts) == 4
        total = sum(found[m].value * len(found[m].examples) for m in parts)
        assert total == pytest.approx(sum(within))


def test_a_model_that_gives_one_vector_for_all_gains_nothing(task: ImageRetrievalTask) -> None:
    same = np.ones((COUNT, 6))
    found = evaluated(task, same, same, np.ones((4, 6)))
    assert found["image_to_text_recall_at_1"].value == 0  # ties count as half the places
    assert found["image_to_text_recall_at_10"].value == 0
    assert found["text_to_image_recall_at_1_in_category"].value == 0
    assert found["zero_shot_category"].value == pytest.approx(0.25)  # of names that tie a part each


def test_categories_are_told_by_their_names(task: ImageRetrievalTask) -> None:
    kinds = pictures(100, COUNT).categories
    names = sorted(set(kinds) - {""})
    vectors = np.eye(4)
    images = np.stack([vectors[names.index(kind)] if kind else vectors[0] for kind in kinds])
    found = evaluated(task, images, np.ones((COUNT, 4)), vectors)
    assert found["zero_shot_category"].value == 1.0
    assert len(found["zero_shot_category"].examples) == COUNT - 1


def test_exhibits_are_spread_over_the_test_set(task: ImageRetrievalTask) -> None:
    found = evaluated(task, np.eye(COUNT), np.eye(COUNT), np.ones((4, COUNT)))
    exhibits = found["image_to_text_recall_at_1"].exhibits
    captions = pictures(100, COUNT).captions
    assert [captions.index(exhibit["text"]) for exhibit in exhibits] == [0, 4, 9, 13, 18, 23]
    assert all(exhibit["texts"][0] == exhibit["text"] for exhibit in exhibits)
    assert all(exhibit["images"][0] == exhibit["image"] for exhibit in exhibits)
    assert all(exhibit["image_to_text_rank"] == 1 for exhibit in exhibits)
    json.dumps(exhibits)


def test_a_model_without_a_tower_is_not_measured(task: ImageRetrievalTask) -> None:
    model: Any = SimpleNamespace(
        objectives=[load_objective("mlm")], model=SimpleNamespace(heads={})
    )
    measured = evaluated(task, np.eye(COUNT), np.eye(COUNT), np.ones((4, COUNT)))
    found = task.evaluate(model, seed=0)
    assert {item.metric.name for item in found} == set(measured)
    assert all(item.value is None and item.note == "no image tower" for item in found)


def test_the_simple_method_finds_places(task: ImageRetrievalTask) -> None:
    rows = task.baselines()
    chance = {item.metric.name: item.value for item in rows["chance"]}
    simple = {item.metric.name: item.value for item in rows["nearest pictures' words"]}
    assert chance["image_to_text_recall_at_5"] == pytest.approx(5 / COUNT)
    assert chance["zero_shot_category"] == 0.25
    assert simple["image_to_text_recall_at_5"] > 3 * chance["image_to_text_recall_at_5"]


def test_other_pixels_are_another_task(task: ImageRetrievalTask) -> None:
    other = pictures(100, COUNT)
    other.pixels[3, 0, 5, 5] ^= 1
    assert task.fingerprint != ImageRetrievalTask(other, pictures(0, 96)).fingerprint


def test_thumbnails_are_means_of_blocks() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 24, 24), dtype=np.uint8)
    found = thumbnails(pixels).reshape(2, 3, 8, 8)
    assert found[1, 2, 3, 5] == pytest.approx(pixels[1, 2, 9:12, 15:18].mean())
