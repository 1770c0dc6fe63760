"""The Hugging Face Hub: folders that come from there and go there. The one file that needs its
package.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from grokscope.errors import BadInput, StorageError, brief


def download(repo: str, patterns: Sequence[str], into: Path) -> None:
    """The files of a repository whose names are like these, in a folder. Raises `BadInput` for a
    repository that is not there, and `StorageError` where the Hub cannot be reached."""
    package = _package()
    with _told(repo, "fetch"):
        package.snapshot_download(repo, allow_patterns=list(patterns), local_dir=into)


def upload(folder: Path, repo: str, private: bool = False) -> str:
    """A folder in a repository, which is made where it is not there; its address. Raises as
    `download`."""
    package = _package()
    api = package.HfApi()
    with _told(repo, "push"):
        api.create_repo(repo, private=private, exist_ok=True)
        said = "A network of grokscope"
        hidden = [".*", "**/.*"]
        api.upload_folder(
            repo_id=repo, folder_path=folder, commit_message=said, ignore_patterns=hidden
        )
    return f"{api.endpoint}/{repo}"


def _package() -> Any:
    if find_spec("huggingface_hub") is None:
        raise BadInput(
            "the Hub needs the package huggingface_hub. Install it: pip install 'grokscope[hub]'"
        )
    return import_module("huggingface_hub")


@contextmanager
def _told(repo: str, do: str) -> Iterator[None]:
    """What the Hub refuses, with the cause and the cure."""
    errors = import_module("huggingface_hub.errors")
    named = brief(repo)
    if import_module("huggingface_hub.constants").HF_HUB_OFFLINE:
        raise StorageError(
            f"cannot {do} {named}: HF_HUB_OFFLINE is set, and nothing goes to the Hub or comes "
            "from it. Unset it, or use a folder: `grokscope export RUN --to hub --file FOLDER` "
            "writes what would be pushed, `grokscope pull FOLDER` reads it."
        )
    try:
        yield
    except errors.HFValidationError as error:
        raise BadInput(
            f"`{named}` is no repository of the Hub: write it as OWNER/NAME, or the path of a "
            "folder."
        ) from error
    except (errors.GatedRepoError, errors.RepositoryNotFoundError) as error:
        raise BadInput(
            f"cannot {do} {named}: the Hub has no such repository, or does not show it to you. "
            "Look at its name, or log in with `hf auth login`."
        ) from error
    except (errors.HTTPError, OSError) as error:  # of its client, its files and its status
        if _is_refused(error) or isinstance(error, errors.LocalTokenNotFoundError):
            raise BadInput(
                f"cannot {do} {named}: the Hub does not know you, or you may not write there. Log "
                "in with `hf auth login`, with a token that can write."
            ) from error
        raise _unreached(do, named, error) from error


def _is_refused(error: Exception) -> bool:
    """Whether the Hub says that it does not know who asks, or does not let them."""
    return getattr(getattr(error, "response", None), "status_code", None) in (401, 403)


def _unreached(do: str, repo: str, error: BaseException) -> StorageError:
    first = str(error).strip().splitlines()[:1] or [type(error).__name__]
    return StorageError(
        f"cannot {do} {repo}: {brief(first[0], 200)}. Look at your network, and repeat the command."
    )
