import numpy as np
import pytest

from runners.measures.readouts import Readout, best_readout, readouts


def test_every_layer_is_offered_as_it_is_and_centred() -> None:
    states = np.arange(24.0).reshape(3, 4, 2)
    found = list(readouts(states, 2))
    assert [str(readout) for readout in found] == [
        "layer 2 of 2",
        "layer 2 of 2, centred",
        "layer 1 of 2",
        "layer 1 of 2, centred",
        "layer 0 of 2",
        "layer 0 of 2, centred",
    ]
    for place, readout in zip((2, 2, 1, 1, 0, 0), found, strict=True):
        expected = states[place] - states[place].mean(0) * ("centred" in str(readout))
        np.testing.assert_allclose(readout(states), expected)


def test_only_the_last_layer_may_be_read() -> None:
    states = np.ones((1, 4, 2))
    assert [readout.layer for readout in readouts(states, 5)] == [5, 5]
    assert Readout(5, 5)(states).shape == (4, 2)


def test_the_centre_is_that_of_the_validation_texts() -> None:
    """Test texts are not looked at: their own mean may differ."""
    validation, test = np.full((2, 3, 1), 5.0), np.full((2, 7, 1), 8.0)
    centred = list(readouts(validation, 1))[1]
    assert centred(test).tolist() == [[3.0]] * 7


def test_of_equals_the_last_layer_is_taken_and_else_the_best() -> None:
    states = np.random.default_rng(0).normal(size=(3, 4, 2))
    assert str(best_readout(states, 2, lambda _: 1.0)) == "layer 2 of 2"
    assert best_readout(states, 2, lambda r: float(r.layer == 1)).layer == 1


@pytest.mark.parametrize("shape", [(3, 4, 2), (1, 4, 2)])
def test_layers_are_counted_from_the_embeddings(shape: tuple[int, int, int]) -> None:
    layers = {readout.layer for readout in readouts(np.zeros(shape), 2)}
    assert layers == ({0, 1, 2} if shape[0] == 3 else {2})
