"""A training that is ended anywhere, and gone on with, differs from an unbroken one in nothing."""

from pathlib import Path
from signal import SIGTERM

import pytest
from lives import EPOCH, OBJECTIVES, Life, Notes, signalled, train

from runners.corpora.corpus import Corpus

STEPS = 2 * EPOCH + 2
PLACES = {
    "inside an epoch": 5,
    "before its last batch": EPOCH - 1,
    "at its end": EPOCH,
    "in the second phase of a sequence": STEPS - 3,
    "after the last step": STEPS,
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_wherever_it_is_ended_it_goes_on_to_the_same(
    name: str, rows: Corpus, tmp_path: Path, whole: bool
) -> None:
    """Ended at all places, one after the other; in the long form at each alone too."""
    if name != "mlm_then_simcse" and not whole:
        pytest.skip("in the long form: make faults")
    alone = train(Life(name, rows.folder, tmp_path / "alone", steps=STEPS, saves=False))
    ends = [tuple(PLACES.values()), *((place,) for place in PLACES.values() if whole)]
    for number, places in enumerate(ends):
        life = Life(name, rows.folder, tmp_path / str(number), steps=STEPS, saves=False)
        for step in places:
            with signalled(step, SIGTERM), pytest.raises(SystemExit) as ended:
                train(life)
            assert ended.value.code == 143
            assert life.checkpoints[-1] == step
        notes = Notes()
        assert train(life, notes) == alone
        assert notes.lines == [f"going on after step {places[-1]}"]
        assert life.checkpoints == []
