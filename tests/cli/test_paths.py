from pathlib import Path

import pytest

from cli.paths import show_report

PAGE = """# Which?

## Verdict

**clm** wins odd\\_word by `seed=0,1`; mlm does not.

- more
"""


def test_a_report_is_told_by_its_verdict_and_its_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "report.md"
    page.write_text(PAGE)
    show_report(page)
    said = "clm wins odd_word by seed=0,1; mlm does not.\n"
    assert capsys.readouterr().out == f"{said}report: report.md\n"
    (tmp_path / "report.html").write_text("")
    show_report(page)
    places = "in a browser: report.html\nreport: report.md\n"
    assert capsys.readouterr().out == said + places
    show_report(tmp_path)  # a report in formats that are not for reading
    assert capsys.readouterr().out == "report: .\n"
