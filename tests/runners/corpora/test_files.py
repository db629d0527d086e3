import os
import shutil
from pathlib import Path

import pytest

from runners.corpora.files import did_you_mean, find_files, short_name, whole_file_sides

SUFFIXES = (".txt", ".parquet")


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def names(root: Path, output_dir: Path) -> list[str]:
    found = find_files(root, SUFFIXES, output_dir)
    return [found.name(file) for file in found.files]


def test_what_a_folder_holds(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.TXT", "c.parquet/part-0.snappy.parquet", "c.parquet/_SUCCESS")
    write(tmp_path, "._a.txt", ".ipynb_checkpoints/a.txt", "__MACOSX/._a.txt", "n.md", "d/e/f.txt")
    (tmp_path / "linked").symlink_to(tmp_path / "d")
    (tmp_path / "d" / "back").symlink_to(tmp_path)
    expected = ["a.txt", "b.TXT", "c.parquet/part-0.snappy.parquet", "d/e/f.txt"]
    assert names(tmp_path, tmp_path / "out") == expected
    found = find_files(tmp_path, SUFFIXES, tmp_path / "out")
    assert found.notes == ["2 file(s) passed over: 1 .md, 1 without an ending"]


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.txt")
    with pytest.raises(ValueError, match=r"p\.txt is no regular file but a pipe"):
        find_files(tmp_path / "p.txt", SUFFIXES, tmp_path / "out")


def test_hidden_files_are_told_where_there_is_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, ".a.txt", ".b/c.txt", ".DS_Store")
    found = find_files(tmp_path, SUFFIXES, tmp_path / "out")
    assert (found.files, found.notes) == ((), ["2 file(s) passed over: 2 hidden"])


@pytest.mark.parametrize("output", ["outputs", "."])
def test_what_a_run_wrote_is_no_data(tmp_path: Path, output: str) -> None:
    write(tmp_path, "a.txt", "runs/mine.txt", "other/notes.txt")
    here = tmp_path / output
    write(here, "corpora/x-1/card.json", "corpora/x-1/documents.parquet", "reports/r/r.txt")
    write(here, "runs/mlm-1/record.json", "runs/mlm-1/examples.parquet")
    write(tmp_path / "other", "corpora/x-1/card.json", "corpora/x-1/documents.parquet")
    expected = ["a.txt", "other/notes.txt"] + (["runs/mine.txt"] if output == "outputs" else [])
    assert names(tmp_path, here) == expected
    write(tmp_path, "outputs/more.txt")
    assert ("outputs/more.txt" in names(tmp_path, here)) == (output == ".")
    shutil.rmtree(tmp_path / "other" / "corpora")
    write(tmp_path, "other/corpora/mine.txt")  # the user's own folder of that name
    assert "other/corpora/mine.txt" in names(tmp_path, here)


def test_names_decide_splits_in_folders_alone(tmp_path: Path) -> None:
    write(tmp_path, "train-0.txt", "dev.txt", "test/pos/1.txt", "test/pos/train.txt", "tests/2.txt")
    found = find_files(tmp_path, SUFFIXES, tmp_path / "out")
    assert {found.name(file): side for file, side in found.sides.items()} == {
        "train-0.txt": "train",
        "dev.txt": "validation",
        "test/pos/1.txt": "test",
        "test/pos/train.txt": "train",
    }
    assert "test from test/pos/1.txt" in found.notes[0]
    assert "validation from dev.txt" in found.notes[0]
    single = find_files(tmp_path / "dev.txt", SUFFIXES, tmp_path / "out")
    assert (len(single.files), single.sides, single.notes) == (1, {}, [])


def test_files_are_held_out_whole_where_they_come_near_the_shares() -> None:
    shares = {"validation": 0.05, "test": 0.2}
    sizes = {f"{i}.txt": 900 + i for i in range(40)}
    sides = whole_file_sides(sizes, shares)
    for split, share in shares.items():
        held_out = sum(size for name, size in sizes.items() if sides.get(name) == split)
        assert share / 2 < held_out / sum(sizes.values()) <= 2 * share
    assert whole_file_sides(dict(reversed(sizes.items())), shares) == sides
    assert not whole_file_sides({"a": 10, "b": 10}, shares)
    assert not whole_file_sides({"a": 10, "b": 10, "c": 10}, shares)  # a third is no twentieth
    assert set(whole_file_sides({"a": 10, "b": 10, "c": 10}, shares, required=True).values()) == {
        "validation",
        "test",
    }
    large = {"book": 10_000, **{f"note {i}": 10 for i in range(30)}}
    assert not whole_file_sides(large, shares)  # the notes are too little, the book too much


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("text.txt", "text.txt"),
        ("en/text.txt", "en/text.txt"),
        ("./a/b/texts/", "a/b/texts"),
        ("../texts", "texts"),
        ("/data/en/text.txt", "en/text.txt"),
        ("/", "/"),
    ],
)
def test_a_short_name_tells_files_of_one_name_apart(path: str, name: str) -> None:
    assert short_name(path) == name


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("txts/one.txt", "texts/one.txt"),
        ("texts/onne.txt", "texts/one.txt"),
        ("txts/won.txt", "texts"),
        ("text", "texts"),
        ("nothing/like/it", ""),
    ],
)
def test_a_missing_path_is_met_with_the_nearest_there_is(
    tmp_path: Path, given: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "texts/one.txt", "texts/two.txt")
    hint = f"; did you mean {tmp_path / meant}?" if meant else ""
    assert did_you_mean(tmp_path / given) == hint
    monkeypatch.chdir(tmp_path)
    assert did_you_mean(Path(given)) == (f"; did you mean {meant}?" if meant else "")


def test_this_folder_has_its_real_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert short_name(".") == tmp_path.name
    assert short_name("..") == tmp_path.parent.name
