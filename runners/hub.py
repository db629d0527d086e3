"""Asking the Hugging Face hub: quick and clear where it does not answer, has not or will not."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

PREFLIGHT_SECONDS = 2.5
"""How long the hub may take to answer the first question; the libraries retry for 23 s."""


def endpoint() -> str:
    """The address of the hub."""
    import huggingface_hub

    return str(huggingface_hub.constants.ENDPOINT)


@contextlib.contextmanager
def asking_the_hub(kind: str, path: str, revision: str | None, what: str) -> Iterator[str]:
    """Ask whether a repository is there; within, the libraries use their caches if it is not.

    Args:
        kind: `dataset` or `model`.
        path: its hub name.
        revision: a branch, tag or commit.
        what: it is called in messages.

    Yields:
        Why the hub cannot be reached, or "".

    Raises:
        ValueError: the hub says that there is no such repository, or that it is gated.
    """
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    unreachable = ""
    try:
        huggingface_hub.HfApi().repo_info(
            path, repo_type=kind, revision=revision, timeout=PREFLIGHT_SECONDS
        )
    except GatedRepoError as error:
        raise ValueError(f"{what} is gated: accept its terms at {endpoint()} and log in") from error
    except RepositoryNotFoundError as error:
        raise ValueError(f"{what} is not on the hub at {endpoint()}; check the spelling") from error
    except HfHubHTTPError as error:
        unreachable = f"the hub at {endpoint()} answered {str(error).splitlines()[0]}"
    except Exception as error:  # no route, no name, no answer in time, offline mode
        unreachable = f"the hub at {endpoint()} does not answer ({type(error).__name__})"
    with _offline() if unreachable else contextlib.nullcontext():
        yield unreachable


def model_folder(path: str, patterns: Sequence[str]) -> Path:
    """A model's files on this machine, fetched from the hub unless `path` is a folder.

    Args:
        path: a folder, or a hub name, or a hub name with `@` and a branch, tag or commit.
        patterns: of the files that are needed.

    Raises:
        ValueError: it is not there; the message says what to do.
    """
    import huggingface_hub

    local = Path(path).expanduser()
    if local.is_dir():
        return local.resolve()
    name, _, revision = path.partition("@")
    what = f"the model {path!r}"
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise ValueError(f"there is no folder {path}")
    with asking_the_hub("model", name, revision or None, what) as unreachable:
        try:
            return Path(
                huggingface_hub.snapshot_download(
                    name, revision=revision or None, allow_patterns=list(patterns)
                )
            )
        except Exception as error:  # many kinds, for one meaning
            reason = unreachable or str(error).strip().splitlines()[0]
            raise ValueError(
                f"{what} cannot be loaded: {reason}. Connect, or give a folder that holds it"
            ) from error


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Let the libraries look into their caches alone, without retrying for 23 s."""
    import datasets
    import huggingface_hub

    before = huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    huggingface_hub.constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        huggingface_hub.constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before
