"""Initial weights that depend on the seed and the parameter's name, and on nothing else.

Each parameter is drawn from a generator of its own, so that an objective with an extra head
starts from the very same backbone as one without: the comparison is paired from step 0.
"""

import hashlib

import torch
from torch import Tensor, nn


def seed_of(*parts: object) -> int:
    """A 63-bit seed from any printable parts, the same in every process."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


@torch.no_grad()
def initialize(module: nn.Module, *, seed: int, std: float, prefix: str = "") -> None:
    """Draw every parameter of `module` from (seed, qualified name), in place.

    Matrices are normal with standard deviation `std`, biases 0 and the weights of norms 1. Other
    vectors and scalars, such as a scale or the slope of a PReLU, stay as their module makes them,
    which must not be at random.
    """
    norms = {f"{name}.weight" for name, child in module.named_modules() if isinstance(child, NORMS)}
    for name, parameter in module.named_parameters():
        last = name.rpartition(".")[2]
        if parameter.dim() > 1:
            generator = torch.Generator().manual_seed(seed_of("weights", seed, prefix + name))
            parameter.copy_(torch.empty(parameter.shape).normal_(0.0, std, generator=generator))
        elif name in norms or name.endswith("norm.weight"):
            parameter.fill_(1.0)
        elif "bias" in last:
            parameter.zero_()


def weights_hash(module: nn.Module) -> str:
    """SHA-256 over names and values of all parameters: equal hashes, equal weights."""
    digest = hashlib.sha256()
    for name, parameter in sorted(module.named_parameters()):
        digest.update(name.encode())
        digest.update(_bytes(parameter.detach()))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.cpu().contiguous().numpy().tobytes()
