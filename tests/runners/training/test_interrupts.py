import os
import signal
import threading
from signal import SIGINT, SIGTERM

import pytest

from runners.training.interrupts import TERMINATED, Interrupts


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "end"), [(SIGINT, KeyboardInterrupt), (SIGTERM, SystemExit)])
def test_one_signal_waits_for_the_end_and_the_same_again_does_not(
    number: int, end: type[BaseException]
) -> None:
    before, asked = signal.getsignal(number), []

    def work(times: int) -> None:
        with Interrupts() as interrupts:
            asked.append(interrupts.asked)
            for _ in range(times):
                send(number)
            asked.append(interrupts.asked)

    with pytest.raises(end) as ended:
        work(1)
    assert end is KeyboardInterrupt or ended.value.code == TERMINATED == 143
    assert asked == [False, True]
    with pytest.raises(end):
        work(2)
    assert asked == [False, True, False]  # it came no further
    assert signal.getsignal(number) == before


def test_a_signal_is_not_lost_to_an_error() -> None:
    """What follows an error, such as the next job, would not know of it."""

    def work() -> None:
        with Interrupts():
            send(SIGTERM)
            raise ValueError("of the update")

    with pytest.raises(SystemExit) as ended:
        work()
    assert isinstance(ended.value.__cause__, ValueError)


def test_nothing_is_changed_in_a_thread_that_gets_no_signals() -> None:
    before, found = signal.getsignal(SIGTERM), []

    def within() -> None:
        with Interrupts() as interrupts:
            found.extend([signal.getsignal(SIGTERM), interrupts.asked])

    thread = threading.Thread(target=within)
    thread.start()
    thread.join()
    assert found == [before, False]


def test_what_was_ignored_stays_ignored() -> None:
    before = signal.signal(SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            send(SIGINT)
            send(SIGINT)
            assert not interrupts.asked
    finally:
        signal.signal(SIGINT, before)


def test_without_a_signal_errors_pass_as_they_are() -> None:
    with pytest.raises(ValueError, match="of the update"), Interrupts():
        raise ValueError("of the update")
