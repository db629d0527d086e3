"""A process that dies anywhere in a save leaves the checkpoint before, which is gone on from."""

from pathlib import Path

from lives import DIED, Life, dying, end, start, train

from runners.corpora.corpus import Corpus


def test_a_death_after_each_write_of_a_save_leaves_the_checkpoint_before(
    rows: Corpus, tmp_path: Path, whole: bool
) -> None:
    """Files synced one by one, the folder, its renaming: every one of them is the last act once."""
    expected = train(Life("mlm", rows.folder, tmp_path / "alone", steps=6, saves=False))
    newest = []
    for after in range(1, 100):
        life = Life("mlm", rows.folder, tmp_path / str(after), steps=6)
        process = start(life, dying(after))
        process.join(60)
        if process.exitcode == 0:  # the save was through
            break
        assert process.exitcode == DIED
        newest.append(life.checkpoints[-1])
        if whole or after == 4:
            found, lines, _ = end(life, start(life))
            assert f"going on after step {newest[-1]}" in lines
            assert found == expected
    # Weights, optimizer, state, manifest, their folder and its new name; then the second is there.
    assert newest == [1, 1, 1, 1, 1, 2, 2, 2]
