"""What `compare doctor` says of the machine: processor, GPU, memory, threads, speed, variables."""

import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cli.finding import Finding
from results.figures import quantity

SECONDS = 0.2
"""That the matrix product may be timed for each dtype and number of threads."""

LITTLE_MEMORY = 2e9
"""Bytes below which a run of the defaults, two processes at a time, may not fit."""

VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "CUDA_VISIBLE_DEVICES",
    "TOKENIZERS_PARALLELISM",
)
"""Of the environment; those that name paths and addresses are told beside what they name."""

CONTROL = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use."""


def machine(settings: Mapping[str, Any], output_dir: Path) -> Iterator[Finding]:
    """What jobs would be computed on.

    Args:
        settings: the composed configuration: `trainer` and `workers`.
        output_dir: of the runs, in which the choice of dtype is kept.
    """
    import torch

    from runners.hardware import device_name

    trainer = settings["trainer"]
    asked = trainer["device"]
    usable = len(os.sched_getaffinity(0))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        has_gpu = torch.cuda.is_available()
    yield _processor(device_name("cpu"), usable)
    yield from _gpus() if has_gpu else [_no_gpu(asked, [str(w.message) for w in said])]
    yield _memory()
    yield threads(int(trainer["threads"]), int(settings["workers"]), usable)
    if asked == "cuda" and not has_gpu:
        return
    device = "cuda" if has_gpu and asked != "cpu" else "cpu"
    most = min(int(trainer["threads"]) or usable, usable)
    yield from _speed(device, str(trainer["dtype"]), most, output_dir)


def variables() -> Iterator[Finding]:
    """Those of the environment that change how fast or where a run computes."""
    cores = os.cpu_count() or 1
    for name in VARIABLES:
        value = os.environ.get(name)
        if value is None:
            continue
        many = value.isdecimal() and name.endswith("_NUM_THREADS") and int(value) > cores
        advice = f"more than the {cores} core(s) there are: export {name}={cores}" if many else ""
        if name == "CUDA_VISIBLE_DEVICES" and value.strip() in ("", "-1"):
            advice = "it hides every GPU: unset it to train on one"
        yield Finding(name, value or "(empty)", advice)
    if not set(VARIABLES) & set(os.environ):
        yield Finding("variables", f"none of {', '.join(VARIABLES)} is set")


def _processor(name: str, usable: int) -> Finding:
    load = os.getloadavg()[0]
    value = f"{name}, {usable} of {os.cpu_count()} core(s), load {load:.1f}"
    granted = _granted()
    if granted and granted < usable:
        count = max(1, round(granted))
        return Finding(
            "processor",
            f"{value}, time of {granted:g}",
            f"this container has the time of {granted:g} core(s) and sees {usable}: "
            f"trainer.threads={count} workers=1",
        )
    busy = "others keep the cores busy: a run takes longer, and the speed below is too low"
    return Finding("processor", value, busy if load > usable + 0.5 else "")


def _granted() -> float | None:
    """The cores whose time a container may take, where that is limited."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        words = [word for name in names for word in _words(name)]
        if len(words) == 2 and words[0].isdecimal():  # neither `max` nor -1
            return int(words[0]) / int(words[1])
    return None


def _words(name: str) -> list[str]:
    """Of a file of CONTROL, where it is there: its second version or its first."""
    try:
        return (CONTROL / name).read_text().split()
    except OSError:
        return []


def _gpus() -> Iterator[Finding]:
    import torch

    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        full = free < total / 4
        advice = "another process holds most of it: choose a GPU with CUDA_VISIBLE_DEVICES"
        value = f"{name}, {quantity(free)}B of {quantity(total)}B free"
        yield Finding(f"gpu {index}", value, advice if full else "")


def _no_gpu(asked: str, said: list[str]) -> Finding:
    import torch

    reason = f" ({said[0].splitlines()[0]})" if said else ""
    if asked == "cuda":
        way_out = f"trainer.device is cuda: take trainer.device=cpu, or mend the driver{reason}"
        return Finding("gpu", "torch finds none", way_out, stops=True)
    if any(Path("/dev").glob("nvidia[0-9]*")) and os.environ.get("CUDA_VISIBLE_DEVICES") is None:
        built = "is built without CUDA" if torch.version.cuda is None else "cannot use it"
        way_out = f"there is one and torch {torch.__version__} {built}{reason}"
        return Finding("gpu", "torch finds none", f"{way_out}: see https://pytorch.org")
    return Finding("gpu", "none; jobs run on the processor")


def _memory() -> Finding:
    """Of the machine, or what a container may use of it."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    table = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}
    free, total = table["MemAvailable"], table["MemTotal"]
    for names in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        words = [word for name in names for word in _words(name)]
        if len(words) == 2 and words[0].isdecimal() and int(words[0]) < total:
            free, total = min(free, int(words[0]) - int(words[1])), int(words[0])
    advice = f"less than {quantity(LITTLE_MEMORY)}B: workers=1, or a smaller model"
    value = f"{quantity(free)}B of {quantity(total)}B free"
    return Finding("memory", value, advice if free < LITTLE_MEMORY else "")


def threads(asked: int, workers: int, usable: int) -> Finding:
    """How many are taken, and whether they are more than there are cores.

    Args:
        asked: `trainer.threads`; 0 lets the size of the model decide.
        workers: processes at a time; 0 for as many as fit.
        usable: cores that this process may use.
    """
    value = f"{asked} a job" if asked else f"1 a small model, {usable} a large one"
    if workers:
        value += f", {workers} process(es)"
    together = max(asked, 1) * max(workers, 1)
    if together <= usable:
        return Finding("threads", value)
    fits = [*(["trainer.threads=0"] if asked else []), *(["workers=0"] if workers else [])]
    advice = f"{together} threads on {usable} core(s) wait for each other: {' '.join(fits)}"
    return Finding("threads", value, advice)


def _speed(device: str, asked: str, most: int, output_dir: Path) -> Iterator[Finding]:
    """Matrix products a second, by one thread and by all, and what `auto` would take."""
    import torch

    from runners.hardware import BFLOAT16_GAIN, best_dtype, kept_dtype, matrix_rates

    before = torch.get_num_threads()
    slow = []
    try:
        for count in sorted({1, most}) if device == "cpu" else [most]:
            torch.set_num_threads(count)
            rates = matrix_rates(device, SECONDS)
            kept, found = kept_dtype(device, count, output_dir), best_dtype(rates)
            by = f", {count} thread(s)" if device == "cpu" else ""
            value = ", ".join(f"{name} {quantity(rate)}FLOP/s" for name, rate in rates.items())
            held = " (as at the first run here)" if kept else ""
            yield Finding(f"speed{by}", f"{value}; auto takes {kept or found}{held}")
            if found == "float32":
                slow.append(rates["bfloat16"] / rates["float32"])
    finally:
        torch.set_num_threads(before)
    if slow:
        gain = f"bf16 runs {max(slow):.2g} times as fast as float32, {BFLOAT16_GAIN} are wanted"
        way_out = "trainer.dtype=auto takes float32"
        yield Finding("dtype", asked, f"{gain}: {way_out}")
