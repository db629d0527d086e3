"""One training by several processes, which torchrun starts: each takes its pieces of every update,
and gradients are added up.

Every process draws and cuts the same update, so nothing about rows has to be sent. Torch's own
DistributedDataParallel is not used: it hooks into one forward and one backward pass of one module,
and an update here may be several objectives, of which some take their vectors first and their loss
later, and heads that have no gradient in this update. So gradients are summed after the backward
pass, in buckets; that it does not overlap with computing is the price.
"""  # noqa: D205

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from runners.sharding import is_cut

PATIENCE = timedelta(days=30)
"""How long a process waits for another: while the first one measures, the others do nothing. One
that is gone is noticed at once, by its connection."""

BUCKET = 1 << 24
"""Numbers that are summed at once: 64 MiB of them."""

_GO, _STOP = 1, 0

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupLostError(BaseException):
    """The group is lost, and no job can go on: a process is gone, or could not stay in step."""


class OwnError(GroupLostError):
    """It is this process that could not stay in step."""


class SharedError(RuntimeError):
    """What failed in one process, told to all of them: each has left the training."""


class Ranks:
    """The processes that share a training, as one of them sees them. Alone, all is done by itself.

    Attributes:
        rank: its number; the first one decides, measures, tells and writes.
        world: how many there are.
    """

    def __init__(self, rank: int = 0, world: int = 1) -> None:
        self.rank, self.world = rank, world

    @property
    def first(self) -> bool:
        """Whether this is the process that decides and writes."""
        return self.rank == 0

    def own(self, pieces: Sequence[Item]) -> list[Item]:
        """Those that this process computes."""
        return list(pieces[self.rank :: self.world])

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """All items, which every process makes alike, none before the first process wants it.

        Raises:
            SharedError: the first process has left the training.
        """
        iterator = iter(items)
        while True:
            self._order(_GO)
            item = None
            with self.together():
                item = next(iterator, None)
            if item is None:
                return
            yield item

    @contextlib.contextmanager
    def together(self, *, in_step: bool = False) -> Iterator[None]:
        """What each process computes by itself; where one fails, all of them do.

        Args:
            in_step: the processes wait for each other on the way, so that where one fails the
                others cannot be told, and the group is lost.

        Raises:
            SharedError: in all processes, with what failed in which.
            OwnError: this one failed, and the others wait for it.
        """
        if self.world == 1:
            yield
            return
        failed: Exception | None = None
        try:
            yield
        except Exception as error:
            if in_step:
                raise OwnError(f"process {self.rank}: {type(error).__name__}: {error}") from error
            failed = error
        if not float(self._sum(torch.tensor([float(failed is not None)]))):
            return
        every = self._texts(f"{type(failed).__name__}: {failed}" if failed else "")
        said = {text: f"process {n}: {text}" for n, text in reversed([*enumerate(every)]) if text}
        raise SharedError(f"{'; '.join(said.values())} (of {self.world} processes)") from failed

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """A training of all processes: where the first one's ends early, so do the others'."""
        try:
            yield
        except SharedError:
            raise
        except Exception as error:
            if self._order(_STOP) == _GO:  # the first process has not failed
                raise OwnError(f"process {self.rank}: {error}") from error
            raise

    def of_first(self, value: float) -> float:
        """The first process's number, such as what its clock says."""
        if self.world == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64)
        _all(lambda: dist.broadcast(tensor, src=0))
        return float(tensor)

    def after_first(self, read: Callable[[], Result]) -> Result:
        """What every process reads, the first one alone and before the others."""
        result: list[Result] = []
        for turn in (True, False):
            with self.together():
                if self.first is turn:
                    result.append(read())
        return result[0]

    def gather(self, vectors: Sequence[Tensor], rows: Sequence[int], device: str) -> list[Tensor]:
        """The vectors of all pieces, in the order of the pieces, without a graph.

        Args:
            vectors: of this process's own pieces, each (its rows, ...) float32.
            rows: of every piece.
            device: where they are.
        """
        if self.world == 1:
            return list(vectors)
        shares = [[rows[i] for i in range(r, len(rows), self.world)] for r in range(self.world)]
        shape = tuple(vectors[0].shape[1:]) if vectors else ()
        if len(rows) < self.world:  # some have none to see the shape by
            texts = self._texts(" ".join(map(str, shape)))
            shape = tuple(map(int, texts[0].split()))
        padded = torch.zeros((max(map(sum, shares)), *shape), device=device)
        if vectors:
            padded[: sum(shares[self.rank])] = torch.cat(list(vectors)).detach()
        every = [torch.empty_like(padded) for _ in shares]
        _all(lambda: dist.all_gather(every, padded))
        found: list[Tensor] = [padded] * len(rows)
        for number, (share, block) in enumerate(zip(shares, every, strict=True)):
            found[number :: self.world] = torch.split(block[: sum(share)], share)
        return found

    def in_order(self, kept: Sequence[Item]) -> list[Item]:
        """What all processes kept of their pieces, in the order of the pieces."""
        if self.world == 1:
            return list(kept)
        every: list[list[Item]] = [[] for _ in range(self.world)]
        _all(lambda: dist.all_gather_object(every, list(kept)))
        longest = max(map(len, every))
        return [own[place] for place in range(longest) for own in every if place < len(own)]

    def add_up(self, losses: dict[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
        """Sum every parameter's gradient over all processes, in place; the sums of `losses`.

        A parameter that has a gradient nowhere keeps none; those of cut ones are sums already.

        Args:
            losses: () float64 each, of the same names in the same order in all processes.
            module: whose gradients are there.
        """
        if self.world == 1:
            return losses
        trained = [p for p in module.parameters() if p.requires_grad and not is_cut(p)]
        has = [float(parameter.grad is not None) for parameter in trained]
        own = torch.stack([*losses.values()]).cpu()
        found = self._sum(torch.cat([own, torch.tensor(has, dtype=torch.float64)]))
        sums, anywhere = found[: len(own)], found[len(own) :].tolist()
        bucket: list[Tensor] = []
        for parameter, some in zip(trained, anywhere, strict=True):
            if not some:
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            if bucket and sum(map(Tensor.numel, bucket)) + parameter.numel() > BUCKET:
                _sum_in_place(bucket)
                bucket = []
            bucket.append(parameter.grad)
        _sum_in_place(bucket)
        return {
            name: value.to(losses[name].device) for name, value in zip(losses, sums, strict=True)
        }

    def check_alike(self, module: nn.Module) -> None:
        """Raise SharedError in all processes where their weights are not the same to the bit."""
        if self.world == 1:
            return
        sums = [value.detach().view(torch.int32).sum(dtype=torch.int64).cpu()
                for value in module.parameters() if not is_cut(value)]  # fmt: skip
        own = torch.stack(sums)
        first = own.clone()
        _all(lambda: dist.broadcast(first, src=0))
        with self.together():
            if not torch.equal(own, first):
                raise ValueError("its weights have drifted from the first process's")

    def tell(self, text: str = "") -> None:
        """Give the others a text to work on; an empty one ends them."""
        _all(lambda: dist.broadcast_object_list([text], src=0, device=torch.device("cpu")))

    def told(self) -> str:
        """Wait for what the first process tells."""
        box: list[str] = [""]
        _all(lambda: dist.broadcast_object_list(box, src=0, device=torch.device("cpu")))
        return box[0]

    def _order(self, order: int) -> int:
        """The first process's word on whether the training goes on."""
        found = int(self.of_first(order))
        if not self.first and order == _GO and found == _STOP:
            raise SharedError("the first process has left this training")
        return found

    def _sum(self, tensor: Tensor) -> Tensor:
        _all(lambda: dist.all_reduce(tensor))
        return tensor

    def _texts(self, own: str) -> list[str]:
        every = [""] * self.world
        _all(lambda: dist.all_gather_object(every, own))
        return every


ALONE = Ranks()
_joined = ALONE


def ranks() -> Ranks:
    """The group that this process is in; `ALONE` outside of any."""
    return _joined


def is_started_by_torchrun() -> bool:
    """Whether torchrun has started this process as one of several."""
    return dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """Join the processes that torchrun started, and leave them at the end.

    Where the first process ends as it should, or by an error of its own, the others are told.

    Raises:
        ValueError: there are fewer GPUs than processes.
    """
    global _joined
    if torch.cuda.is_available():
        place, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= there:
            raise ValueError(f"there are {there} GPU(s): torchrun --nproc-per-node {there}")
        torch.cuda.set_device(place)
        dist.init_process_group("cpu:gloo,cuda:nccl", timeout=PATIENCE)
    else:
        dist.init_process_group("gloo", timeout=PATIENCE)
    _joined = Ranks(dist.get_rank(), dist.get_world_size())
    try:
        try:
            yield _joined
        except Exception:
            _dismiss(_joined)
            raise
        _dismiss(_joined)
    finally:
        _joined = ALONE
        dist.destroy_process_group()


def _dismiss(group: Ranks) -> None:
    if group.first:
        group.tell()


def _all(collective: Callable[[], object]) -> None:
    """Do what all processes do at the same time."""
    try:
        collective()
    except RuntimeError as error:
        raise GroupLostError(f"a process of the group is gone ({error})") from error


def _sum_in_place(gradients: Sequence[Tensor]) -> None:
    if not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    _all(lambda: dist.all_reduce(flat))
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
