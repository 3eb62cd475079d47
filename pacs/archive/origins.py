"""By which addresses the web door is asked: what is made for readers before they come names one of these.

Metadata tells where bulk data is. Clients take that address as it is, so it is a whole one, of the host they know.
"""

from contextlib import suppress
from hashlib import sha256

from pacs.context import Pacs

MOST = 4
"""Origins that are remembered. Those beyond are served as well, and nothing is made for them beforehand."""
FOLDER = "origins"


def known(pacs: Pacs) -> list[str]:
    """`https://pacs.example` and the like, the first ones that were asked by; before any was, our own."""
    found = []
    with suppress(OSError):
        for path in sorted((pacs.settings.data / "cache" / FOLDER).iterdir()):
            found.append(path.read_text())
    return found or [f"http://{pacs.settings.http}"]


def note(pacs: Pacs, origin: str) -> None:
    """Somebody has asked by this one."""
    folder = pacs.settings.data / "cache" / FOLDER
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if len(list(folder.iterdir())) < MOST:
            (folder / digest(origin)).write_text(origin)


def digest(origin: str) -> str:
    """What tells it from others, in the name of a file."""
    return sha256(origin.encode()).hexdigest()[:16]
