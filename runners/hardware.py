"""What a job runs on. Whatever is chosen by timing is chosen once a machine and then frozen."""

import contextlib
import ctypes
import json
import math
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, TypeVar

import torch
from filelock import FileLock
from threadpoolctl import threadpool_limits

from results.integrity import read_sealed, write_sealed
from runners.distributed import ranks
from runners.identity import name_of

BFLOAT16_GAIN = 1.3
"""bf16 is taken where its matrix product is faster than float32's by at least this factor."""


MATRIX = (1024, 512, 2048)
"""Rows, inner and outer width of the product that is timed."""


NARROW = 10_000_000
"""A model of fewer weights outside its embeddings is trained by one thread of a processor: two
jobs of one thread each are faster than one of two (docs/log.md)."""


THREADS_A_CORE = 8
"""More threads than so many a core are a mistake, and the system may refuse to start them."""


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What is computed on, and how exactly.

    Attributes:
        device: `auto`, `cpu` or `cuda`.
        dtype: `auto` measures, once a machine, whether bf16 pays; or `float32`, `bfloat16`.
        threads: of the processor; 0 takes one for a narrow model, of which several are then
            trained at once, and all that this process may use for others.
        compile: the model by torch.compile; null does so on a GPU with models that are not narrow.
        processes: that share every update; 0 takes as many as torchrun has started.
        shard: weights, gradients and the optimizer's memory of blocks are cut among `processes`
            (FSDP2), for a model that one device cannot train.
    """

    DTYPES: ClassVar = ("auto", "float32", "bfloat16")
    DEVICES: ClassVar = ("auto", "cpu", "cuda")

    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    compile: bool | None = None
    processes: int = 1
    shard: bool = False

    def __post_init__(self) -> None:
        for name, known in (("dtype", self.DTYPES), ("device", self.DEVICES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; known: {', '.join(known)}")
        for name in ("threads", "processes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.shard and self.processes == 1:
            raise ValueError(
                "trainer.shard cuts a model among several processes, and there is one; start it by "
                "torchrun --no-python --nproc-per-node N compare ..., or leave it out"
            )
        if self.shard and self.compile:
            raise ValueError(
                "trainer.shard and trainer.compile do not go together yet; leave one of them out"
            )


Resolved = TypeVar("Resolved", bound=Hardware)


def resolve_hardware(config: Resolved, output_dir: Path, *, weights: int) -> Resolved:
    """The same configuration without `auto`: device, dtype, threads and processes as they are.

    The measured choice of dtype is kept in `output_dir/machines/`, so that a later run on the
    same machine has the same name.

    Args:
        config: as the user has it.
        output_dir: of the run.
        weights: of the model, outside its embeddings.

    Raises:
        ValueError: cuda is asked for and there is none, or other processes than there are.
    """
    world = ranks().world
    if config.processes not in (0, world):
        raise ValueError(
            f"trainer.processes is {config.processes}, and {world} process(es) are here: a "
            "training goes on with as many as it began with. Start it by torchrun --no-python "
            f"--nproc-per-node {config.processes} compare ..."
            + ("" if config.processes > 1 else ", or without torchrun for one")
        )
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise ValueError("trainer.device is cuda, and torch finds no GPU; use trainer.device=cpu")
    most = THREADS_A_CORE * (os.cpu_count() or 1)
    if config.threads > most:
        raise ValueError(
            f"trainer.threads is {config.threads}, and this machine has {os.cpu_count()} core(s); "
            "0 takes as many as pay"
        )
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if world > 1 else 1
    threads = config.threads or max(1, len(os.sched_getaffinity(0)) // beside)
    if not config.threads and device == "cpu" and weights < NARROW:
        threads = 1
    torch.set_num_threads(threads)
    dtype = config.dtype
    if dtype == "auto":
        dtype = _frozen_dtype(device, threads, output_dir)
    compiled = config.compile
    if compiled is None:
        compiled = _compiling_pays(config, device, weights) and find_spec("triton") is not None
    return replace(
        config, device=device, dtype=dtype, threads=threads, processes=world, compile=compiled
    )


def resolve_elsewhere(config: Resolved, *, weights: int) -> Resolved:
    """As `resolve_hardware`, for another machine than this.

    Raises:
        ValueError: something is left to it that only it can say.
    """
    if "auto" in (config.device, config.dtype) or not (config.threads and config.processes):
        raise ValueError(
            f"trainer.device is {config.device}, trainer.dtype {config.dtype}, trainer.threads "
            f"{config.threads} and trainer.processes {config.processes}: what is found out on the "
            "machine that trains cannot be found out here, so say it, as in trainer.dtype=bfloat16 "
            "for a GPU or trainer.dtype=float32"
        )
    if config.compile is None:
        config = replace(config, compile=_compiling_pays(config, config.device, weights))
    return config


def _compiling_pays(config: Hardware, device: str, weights: int) -> bool:
    """Of a wide model on a GPU; on a processor it was slower (docs/log.md)."""
    return device == "cuda" and weights >= NARROW and not config.shard


def devices() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    return [str(number) for number in range(torch.cuda.device_count())]


def set_up(config: Hardware) -> None:
    """Make torch compute as a resolved configuration says, and the same way every time."""
    torch.set_num_threads(config.threads)
    threadpool_limits(config.threads)  # of numpy's and scikit-learn's own
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    _keep_freed_memory()
    # On a GPU some backward kernels have no deterministic form; there it warns and goes on.
    torch.use_deterministic_algorithms(True, warn_only=config.device != "cpu")
    # Filling new memory with NaN is a debugging aid that costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _keep_freed_memory() -> None:
    """Let glibc keep what large tensors leave for the next ones, where it is the allocator.

    Else every update maps its logits anew, and clearing new pages takes CLM a quarter of its time.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_MMAP_THRESHOLD, 1 << 30)
        allocator.mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)


def autocast(config: Hardware) -> contextlib.AbstractContextManager[object]:
    """Matrix products in the configured dtype; weights and losses stay in float32."""
    return torch.autocast(config.device, torch.bfloat16, enabled=config.dtype == "bfloat16")


def describe(config: Hardware) -> str:
    """One line about a resolved configuration."""
    name = device_name(config.device)
    compiled = ", compiled" if config.compile else ""
    threads = f"{config.threads} thread" + "s" * (config.threads > 1)
    shared = f", {config.processes} processes" if config.processes > 1 else ""
    shared += ", sharded" if config.shard else ""
    return f"{config.device} ({name}), {threads}, {config.dtype}{compiled}{shared}"


def device_name(device: str) -> str:
    """The name of the processor or GPU."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def kept_dtype(device: str, threads: int, output_dir: Path) -> str:
    """What `auto` was found to be on this machine for so many threads, or "" before a first run.

    A damaged file says nothing; one of a version without checksums is believed.
    """
    file = _machine_file(device, threads, output_dir)
    found = read_sealed(file)
    if found is None:
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError):
            return ""
    dtype = found.get("dtype") if isinstance(found, dict) else None
    return dtype if dtype in Hardware.DTYPES[1:] else ""


def best_dtype(rates: Mapping[str, float]) -> str:
    """The dtype that pays.

    Args:
        rates: of `matrix_rates`.
    """
    return "bfloat16" if rates["bfloat16"] >= BFLOAT16_GAIN * rates["float32"] else "float32"


def matrix_rates(device: str, seconds: float = math.inf) -> dict[str, float]:
    """By dtype, floating-point operations a second of a matrix product of a training step's size.

    Args:
        device: `cpu` or `cuda`.
        seconds: that each dtype may take; the fastest of 12 products counts, or of as many as
            there is time for, but of two at least.
    """
    rows, inner, columns = MATRIX
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        left = torch.ones(rows, inner, dtype=dtype, device=device)
        right = torch.ones(inner, columns, dtype=dtype, device=device)
        times: list[float] = []
        began = time.perf_counter()
        while len(times) < 2 or (len(times) < 12 and time.perf_counter() - began < seconds):
            start = time.perf_counter()
            product = left @ right
            float(product[0, 0])  # waits for a GPU
            times.append(time.perf_counter() - start)
        found[str(dtype).removeprefix("torch.")] = 2 * math.prod(MATRIX) / min(times)
    return found


def _machine(device: str, threads: int) -> dict[str, object]:
    return {"device": device_name(device), "threads": threads, "torch": torch.__version__}


def _machine_file(device: str, threads: int, output_dir: Path) -> Path:
    return output_dir / "machines" / f"{name_of(_machine(device, threads))}.json"


def _frozen_dtype(device: str, threads: int, output_dir: Path) -> str:
    file = _machine_file(device, threads, output_dir)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_suffix(".lock")):  # where another process is first, its choice holds
        found = kept_dtype(device, threads, output_dir)
        if not found:
            rates = matrix_rates(device)
            gain = round(rates["bfloat16"] / rates["float32"], 2)
            found = best_dtype(rates)
            write_sealed(file, {**_machine(device, threads), "bfloat16_gain": gain, "dtype": found})
    return found
