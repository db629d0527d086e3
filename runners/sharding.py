"""FSDP2 (torch's `fully_shard`; the idea: Zhao et al. 2023): blocks whose weights, gradients and
optimizer's memory are cut among the processes, and whole only while they compute.

Each block is a unit, and a stack of blocks is what its units share their streams by. Embeddings and
heads stay whole in every process: objectives read their weights without calling them (a token head
tied to the embedding), which torch's hooks cannot see. A cut parameter is a DTensor. Whatever needs
the whole of one is a collective: all processes have to come to it, in the same order. What torch
needs for this takes a second to import, so that it is imported where something is cut.
"""  # noqa: D205

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from models.backbone import Encoder
from models.blocks import Blocks

Tree = TypeVar("Tree")


def shard(model: nn.Module, device: str) -> None:
    """Cut the blocks of a model among all processes, in place; each goes to the device cut.

    Raises:
        ValueError: the model has no stack of blocks.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    # What blocks return may be a view; nothing here writes into it in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module")
    mesh = init_device_mesh(device, (dist.get_world_size(),))
    stacks = list(stacks_of(model))
    if not stacks:
        raise ValueError("trainer.shard: this model has no stack of blocks to cut")
    for stack in stacks:
        for unit in (*stack, *([stack] if isinstance(stack, Blocks) else [])):
            fully_shard(unit, mesh=mesh)
            cut = cast(FSDPModule, unit)
            cut.set_gradient_divide_factor(1.0)  # losses are divided once, by the whole update
            cut.set_force_sum_reduction_for_comms(True)


def is_cut(value: Tensor) -> bool:
    """Whether this process holds a part of it only."""
    return hasattr(value, "placements")


def whole(tree: Tree, *, keep: bool = True) -> Tree:
    """The same, with every cut tensor whole and in the processor's memory; a collective.

    Args:
        tree: of tensors and other values.
        keep: what is put together; where not, empty tensors stand for it, and this process only
            gives its parts.
    """

    def put_together(value: Tensor) -> Tensor:
        found = _whole(value)
        return found if keep or found is value else torch.empty(0)

    return cast(Tree, tree_map_only(Tensor, put_together, tree))


def cut_like(value: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor, cut as another is; every process has the whole."""
    if not is_cut(like):
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    known = cast(DTensor, like)
    on_device = value.to(like.device)
    return distribute_tensor(on_device, known.device_mesh, known.placements, src_data_rank=None)


def cut_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """A whole optimizer's state, with what belongs to a cut parameter cut like it."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if not any(map(is_cut, parameters)):
        return state
    cut = {
        number: {
            name: cut_like(value, parameters[number])
            if isinstance(value, Tensor) and value.shape == parameters[number].shape
            else value
            for name, value in of_one.items()
        }
        for number, of_one in state["state"].items()
    }
    return {**state, "state": cut}


def by_kind(parameters: list[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Those that are whole, and those that are cut: no kernel takes both at once."""
    for wanted in (False, True):
        chosen = [parameter for parameter in parameters if is_cut(parameter) is wanted]
        if chosen or not wanted:
            yield chosen


def clip_grad_norm(parameters: Iterator[nn.Parameter], most: float) -> Tensor:
    """Torch's `clip_grad_norm_`, where some of the parameters may be cut; the norm before."""
    every = [parameter for parameter in parameters if parameter.grad is not None]
    kinds = [kind for kind in by_kind(every) if kind]
    norms = []
    for kind in kinds:
        norm = nn.utils.get_total_norm([cast(Tensor, p.grad) for p in kind])
        norms.append(_whole(norm).to(norm.device))
    total = torch.stack(norms).norm() if len(norms) > 1 else next(iter(norms), torch.zeros(()))
    for kind in kinds:
        nn.utils.clip_grads_with_norm_(kind, most, total)
    return total


def load_whole(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load whole tensors by name into a module that may be cut.

    Raises:
        RuntimeError: names or shapes differ.
    """
    own = module.state_dict()
    cut = {name: cut_like(value, own[name]) if name in own else value
           for name, value in state.items()}  # fmt: skip
    module.load_state_dict(cut, strict=True)


def _whole(value: Tensor) -> Tensor:
    return cast(Tensor, cast(Any, value).full_tensor().cpu()) if is_cut(value) else value


def stacks_of(model: nn.Module) -> Iterator[nn.ModuleList]:
    """Our stacks wherever they are (a generator, a teacher, a tower), and those of checkpoints."""
    inside: set[nn.Module] = set()
    for module in model.modules():
        if module in inside:
            continue
        if isinstance(module, Blocks):
            inside |= set(module.modules())
            yield module
        elif isinstance(module, Encoder):
            for part in module.modules():
                if type(part) is nn.ModuleList and part not in inside:
                    inside |= set(part.modules())
                    yield part
