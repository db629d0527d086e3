from pathlib import Path

import pytest
from made_records import add_baselines, add_run, answers
from PIL import Image

from results.formats import DEFAULT, FORMATS, formats
from results.report import write_report
from results.store import ResultStore

FILES = {
    "markdown": {"report.md", "curves.svg", "probes.svg"},
    "csv": {"results.csv"},
    "json": {"results.json"},
    "latex": {"tables.tex", "tables-standalone.tex", "tables"},
    "parquet": {"results.parquet"},
    "svg": {"curves.svg", "probes.svg"},
    "png": {"curves.png", "probes.png"},
}


def written(tmp_path: Path, names: list[str] | None) -> Path:
    store = ResultStore(tmp_path)
    found = [
        add_run(store, "clm", answers(0.6), nats={"clm": 5.0}),
        add_run(store, "mlm", answers(0.4), nats={"clm": 8.0}),
        add_baselines(store, words=answers(0.5)),
    ]
    runs = [(record, store) for record in found]
    report = write_report(runs, tmp_path / "reports", command="x", formats=names)
    return report if report.is_dir() else report.parent


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_every_format_has_its_files() -> None:
    assert set(FILES) <= set(FORMATS)


@pytest.mark.parametrize("name", FILES)
def test_a_format_writes_its_files_and_the_same_every_time(name: str, tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        folder = written(tmp_path, [name])
        assert names_in(folder) == FILES[name]
        found.append({f: f.read_bytes() for f in folder.rglob("*") if f.is_file()})
    for file, content in found[0].items():
        if file.name != "report.md":  # its last line has the time
            assert content == found[1][file]


def test_a_format_is_added_to_what_stands_there_and_goes_with_none(tmp_path: Path) -> None:
    folder = written(tmp_path, None)
    standard = names_in(folder)
    assert standard >= set().union(*(FILES[name] for name in DEFAULT if name in FILES))
    (folder / "results.csv").write_text("old")
    (folder / "tables").mkdir()
    (folder / "tables" / "old.tex").write_text("old")
    written(tmp_path, ["latex", "csv"])
    assert names_in(folder) == standard | FILES["latex"]
    assert (folder / "results.csv").read_text() != "old"
    assert not (folder / "tables" / "old.tex").exists()
    assert names_in(written(tmp_path, None)) == standard | FILES["latex"]
    assert not list(folder.parent.glob(".writing-*"))


def test_png_and_svg_show_the_same_without_dates_or_versions(tmp_path: Path) -> None:
    folder = written(tmp_path, ["png", "svg"])
    for name in ("curves", "probes"):
        with Image.open(folder / f"{name}.png") as image:
            assert not {"Software", "Creation Time"} & set(image.info)
            wide, high = image.size
            assert len(image.convert("L").getcolors(256) or []) > 20  # something is drawn
        text = (folder / f"{name}.svg").read_text()
        assert "dc:date" not in text
        assert "Matplotlib v" not in text
        box = text.split('viewBox="')[1].split('"')[0].split()
        assert wide / high == pytest.approx(float(box[2]) / float(box[3]), rel=0.01)


def test_names_in_any_script_are_drawn_as_typed_and_without_a_word(tmp_path: Path) -> None:
    """A warning would be an error here."""
    store = ResultStore(tmp_path)
    name = "日本語 مرحبا $x^2$"
    found = [add_run(store, "clm", answers(0.5), called=each) for each in (name, name[1:])]
    runs = [(record, store) for record in found]
    folder = write_report(runs, tmp_path / "reports", command="x", formats=["png", "svg"])
    assert "本語" in (folder / "probes.svg").read_text()
    assert "$x^2$" in (folder / "probes.svg").read_text()
    assert (folder / "probes.png").stat().st_size > 0


def test_what_fails_leaves_the_report_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path, ["csv"])

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setitem(FORMATS, "json", fail)
    with pytest.raises(OSError, match="full"):
        written(tmp_path, ["csv", "json"])
    assert names_in(folder) == {"results.csv"}
    assert not list(folder.parent.glob(".writing-*"))


def test_a_comma_list_of_formats() -> None:
    assert formats("latex, csv,latex") == ("latex", "csv")
    for wrong, said in (("latx", "no format 'latx'"), ("", "no format is named"), ("csv,x", "'x'")):
        with pytest.raises(ValueError, match=said) as error:
            formats(wrong)
        assert f"known: {', '.join(FORMATS)}" in str(error.value)
