"""A folder to the Hugging Face hub, for those who have a token."""

from pathlib import Path

from runners.hub import endpoint


def token_of(repository: str) -> str:
    """The user's token; asked for before anything is done.

    Args:
        repository: `USER/NAME`, that is to be written to.

    Raises:
        ValueError: the name cannot be one, or there is no token.
    """
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise ValueError(f"--push {repository}: {str(error).splitlines()[0]}") from error
    token = huggingface_hub.get_token()
    if not token:
        raise ValueError(
            f"--push {repository}: there is no token for {endpoint()}; log in with "
            "`hf auth login`, or set HF_TOKEN"
        )
    return token


def upload(folder: Path, repository: str, token: str) -> str:
    """Make the repository, private, unless it is there, and upload all files in one commit.

    Returns:
        Its address.

    Raises:
        ValueError: the hub does not answer, or will not take it.
    """
    import huggingface_hub

    api = huggingface_hub.HfApi(endpoint=endpoint(), token=token)
    try:
        address = api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Add a model by compare export"
        )
    except Exception as error:  # many kinds, for one meaning
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise ValueError(f"--push {repository}: {endpoint()} answered {reason}") from error
    return str(address)
