"""What other people's files and folders are called here: printable, and in one folder."""

LONGEST = 100  # bytes, so that a file system has room for what is added to it
UNSAFE = set('/\\:*?"<>|')


def folder_name(text: str) -> str:
    """The name of a run's folder for a source of this name: without what leads elsewhere, or is not
    printed; `network` where nothing is left."""
    safe = "".join("-" if x in UNSAFE else x for x in printable(text, "-"))
    return _shortened(safe.strip(" ").lstrip(".-")).rstrip(" .") or "network"


def printable(text: str, instead: str = "?") -> str:
    """A text without control characters, escapes and halves of characters."""
    return "".join(x if x.isprintable() else instead for x in text)


def _shortened(text: str) -> str:
    return text.encode()[:LONGEST].decode(errors="ignore")
