import numpy as np
import pytest

from runners.measures.read_once import ReadOnce, ReadWhileChoosingError
from runners.measures.readouts import Readout, States, best_readout, readouts, unchosen


def states_of(shape: tuple[int, int, int, int], layers: int = 2) -> States:
    values = np.random.default_rng(0).normal(size=shape)
    return States(values, layers, ("mean", "cls", "last")[: shape[0]])


def test_every_layer_is_offered_under_every_pooling_as_it_is_and_centred() -> None:
    states = states_of((2, 3, 4, 2))
    found = list(readouts(states))
    assert [str(readout) for readout in found] == [
        f"layer {layer} of 2, {pooling}{centred}"
        for layer in (2, 1, 0)
        for pooling in ("mean", "cls")
        for centred in ("", ", centred")
    ]
    for place, readout in enumerate(found):
        layer, pooling = 2 - place // 4, place // 2 % 2
        expected = states.values[pooling, layer]
        if place % 2:
            expected = expected - expected.mean(0)
        np.testing.assert_allclose(readout(states), expected)
    assert len(list(readouts(states, centred=False))) == 6


def test_words_have_no_pooling_to_name() -> None:
    states = States(np.zeros((1, 2, 3, 4)), 1)
    assert [str(readout) for readout in readouts(states, centred=False)] == [
        "layer 1 of 1",
        "layer 0 of 1",
    ]


def test_only_the_last_layer_may_be_read() -> None:
    states = states_of((1, 1, 4, 2), layers=5)
    assert [readout.layer for readout in readouts(states)] == [5, 5]
    assert Readout(5, 5)(states).shape == (4, 2)


def test_the_centre_is_that_of_the_validation_texts() -> None:
    """Test texts are not looked at: their own mean may differ."""
    validation, test = (States(np.full((1, 2, n, 1), at), 1) for n, at in ((3, 5.0), (7, 8.0)))
    centred = list(readouts(validation))[1]
    assert centred(test).tolist() == [[3.0]] * 7


def test_of_equals_the_last_layer_is_taken_and_else_the_best() -> None:
    states = states_of((2, 3, 4, 2))
    choice = best_readout(states, lambda _: 1.0)
    assert str(choice.readout) == "layer 2 of 2, mean" == str(unchosen(states).readout)
    assert len(choice.options) == 12
    chosen = best_readout(states, lambda r: float(r.layer == 1 and r.pooling[1] == "cls"))
    assert str(chosen.readout) == "layer 1 of 2, cls"
    assert chosen.options[str(chosen.readout)] == 1.0
    assert sum(chosen.options.values()) == 2.0  # as it is and centred


def test_texts_stay_in_their_order() -> None:
    first, second = states_of((1, 2, 3, 4), 1), states_of((1, 2, 5, 4), 1)
    both = first + second
    np.testing.assert_array_equal(both[3:].values, second.values)
    assert both.by_text.shape == (8, 1, 2, 4)


def test_whoever_chooses_reads_no_test_example() -> None:
    test = ReadOnce(["a"])
    with pytest.raises(ReadWhileChoosingError, match="not read to choose by"):
        best_readout(states_of((1, 2, 3, 2), 1), lambda _: float(len(test.read())))
    assert not test.readings
    assert test.read("accuracy") == ["a"]
    test.read()
    assert test.readings == {"accuracy": 1, "": 1}
