import pytest

from cli.main import main

SMALL = ["model=nano", "dataset.sequence_length=64", "dataset.vocabulary_size=1000"]


def test_a_line_a_job_and_none_of_them_reads_anything(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["objective=mlm,clip", "trainer.processes=1,4", "-m", *SMALL]
    assert main(["cost", *given, "--rate", "1e13", "--bandwidth", "1e9"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("processes=4" in line for line in lines) == 2
    assert "each device does 10 TFLOP/s, as it was given" in "\n".join(lines)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["trainer.processes=2"], "as in --bandwidth 1.25e9"),
        (["--rate", "fast"], "a number above 0 is expected"),
        (["--rates", "1"], "--rates"),
    ],
)
def test_a_mistake_is_one_message(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", *SMALL, *given]) == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-1]
