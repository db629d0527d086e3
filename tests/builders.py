"""A process that builds a corpus, tells of each stage, and may stop in the middle for ever."""

import os
import time
from pathlib import Path

from runners.corpora.building import build_corpus
from runners.corpora.local import LocalConfig


def build_and_tell(data: Path, output: Path, told: Path, stop_at: str = "") -> None:
    """Append `PID LINE` to `told` at each stage, and at last `PID done FINGERPRINT`."""

    def say(line: str) -> None:
        with told.open("a") as file:
            file.write(f"{os.getpid()} {line}\n")
        while stop_at and line.startswith(stop_at):
            time.sleep(60)

    config = LocalConfig(path=str(data), sequence_length=32, vocabulary_size=600)
    corpus = build_corpus(config, output_dir=output, say=say)
    say(f"done {corpus.card.fingerprint}")
