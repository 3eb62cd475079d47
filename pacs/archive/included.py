"""What a search of instances is to return and is not indexed: read out of their headers."""

from collections.abc import Sequence
from typing import Any

import structlog

from pacs.archive.metadata import metadata_of
from pacs.archive.selection import instances
from pacs.context import Actor, Pacs
from pacs.dicom.json_paths import Path, picked
from pacs.errors import NotFound, OutOfResources, Undecodable

log = structlog.get_logger(__name__)


def included(
    pacs: Pacs, actor: Actor, sop_instance_uids: Sequence[str], paths: Sequence[Path]
) -> dict[str, dict[str, Any]]:
    """What is there of the paths, by SOP Instance UID, in DICOM JSON. One header a UID is read. Raises NotAllowed."""
    try:
        refs = instances(pacs, actor, sop=sop_instance_uids)
    except NotFound:  # removed since they were found
        return {}
    found = {}
    for ref in refs:
        try:
            found[ref.sop_instance_uid] = picked(metadata_of(pacs, ref), paths)
        except (Undecodable, OutOfResources) as error:
            log.warning("header cannot be read", sop_instance_uid=ref.sop_instance_uid, why=str(error))
    return found
