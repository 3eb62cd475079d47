"""Instance Availability Notification: telling a peer what can be had from us (PS3.4 Annex R)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from pacs.context import Pacs
from pacs.dicom.references import INSTANCE_AVAILABILITY_NOTIFICATION, Reference, encode_availability
from pacs.dicom.status import PROCESSING_FAILURE
from pacs.peers.dimse import UNCOMPRESSED, Unreachable, open_association
from pacs.peers.directory import Peer
from pacs.peers.doctor import explanation_of
from pacs.upper_layer.errors import AssociationError
from pacs.upper_layer.message import N_CREATE_RQ, WITH_DATA_SET, Command


def notify(
    pacs: Pacs,
    peer: Peer,
    sop_instance_uid: str,
    study_instance_uid: str,
    series: Mapping[str, Sequence[Reference]],
) -> int:
    """Tell a peer what there is of a study (N-CREATE); the status it answers. Raises Unreachable.

    sop_instance_uid: of the notification itself. series: the instances by Series Instance UID.
    """
    association = open_association(pacs, peer, [(INSTANCE_AVAILABILITY_NOTIFICATION, UNCOMPRESSED)])
    try:
        with association:
            context = next(iter(association.contexts.values()), None)
            if context is None:
                place = f"{peer.ae_title} at {peer.host}:{peer.port}"
                raise Unreachable(f"{place} is there, but does not take notifications of what is available")
            command = Command(
                command_field=N_CREATE_RQ,
                message_id=association.next_message_id(),
                affected_sop_class_uid=INSTANCE_AVAILABILITY_NOTIFICATION,
                affected_sop_instance_uid=sop_instance_uid,
                command_data_set_type=WITH_DATA_SET,
            )
            own_ae_title = pacs.settings.ae_title
            what = encode_availability(study_instance_uid, series, own_ae_title, context.transfer_syntax)
            association.send(context, command, [what])
            status = association.response().status
            with suppress(AssociationError):  # it has answered, however it takes its leave
                association.release()
    except AssociationError as error:
        raise Unreachable(explanation_of(error, peer, pacs.settings.ae_title)) from error
    return PROCESSING_FAILURE if status is None else status
