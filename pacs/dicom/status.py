"""Which DICOM status an error is: for DIMSE answers, and as the Failure Reason of STOW-RS (PS3.18 Table I.2-2)."""

from collections.abc import Mapping

from pacs.errors import (
    AlreadyThere,
    IdentityConflict,
    InstanceMismatch,
    InvalidFrames,
    InvalidInstance,
    InvalidQuery,
    NoSuchFrames,
    NotAcceptable,
    NotAllowed,
    NotAuthenticated,
    NotExtractable,
    NotFound,
    NotInThisState,
    NotOfThisClass,
    OutOfResources,
    PacsError,
    PatientConflict,
    SeriesConflict,
    TooLarge,
    Undecodable,
    UnknownDestination,
    UnsupportedContent,
    UnsupportedTransferSyntax,
    Untimed,
)

PROCESSING_FAILURE = 0x0110
"""PS3.7 C.5.12. What everything is that is no error of ours: a bug."""

STATUS: Mapping[type[PacsError], int] = {
    InvalidInstance: 0xC000,  # cannot understand (PS3.4 Table B.2-1)
    InstanceMismatch: 0xA900,  # data set does not match SOP class (B.2-1)
    IdentityConflict: 0xA770,  # the range of B.2-1 that refuses; its last digits are ours
    SeriesConflict: 0xA77B,
    PatientConflict: 0xA778,
    OutOfResources: 0xA700,  # out of resources (B.2-1, C.4-1)
    InvalidQuery: 0xA900,  # identifier does not match SOP class (C.4-1)
    NotFound: 0x0112,  # no such SOP instance (PS3.7 C.5.8)
    AlreadyThere: 0x0111,  # duplicate SOP instance (PS3.7 C.5.7)
    NotInThisState: PROCESSING_FAILURE,
    TooLarge: 0xA700,
    UnknownDestination: 0xA801,  # move destination unknown (PS3.4 C.4-2)
    NotAllowed: 0x0124,  # refused: not authorized (PS3.7 C.4.1)
    NotAuthenticated: 0x0124,
    NotAcceptable: PROCESSING_FAILURE,
    UnsupportedContent: 0x0122,  # refused: SOP class not supported (PS3.7 C.4.3)
    UnsupportedTransferSyntax: 0xC122,  # PS3.18 Table I.2-2
    Undecodable: PROCESSING_FAILURE,
}
"""The nearest class of an error's ancestors decides."""

RETRIEVE: Mapping[type[PacsError], int] = {
    OutOfResources: 0xA702,  # unable to perform sub-operations (PS3.4 C.4-2, C.4-3)
    NotAcceptable: 0xA702,
    Undecodable: 0xA702,
    NoSuchFrames: 0xAA00,  # PS3.4 Tables Y.4-1 and Y.4-2
    NotOfThisClass: 0xAA01,
    NotExtractable: 0xAA02,
    Untimed: 0xAA03,
    InvalidFrames: 0xAA04,
}
NORMALIZED: Mapping[type[PacsError], int] = {
    InvalidInstance: 0x0115,  # invalid argument value (PS3.7 10.1.1.1.8, 10.1.4.1.10)
    OutOfResources: 0x0213,  # resource limitation
}
OF_SERVICE: Mapping[str, Mapping[type[PacsError], int]] = {
    "C-MOVE": RETRIEVE,
    "C-GET": RETRIEVE,
    "N-ACTION": NORMALIZED,
    "N-EVENT-REPORT": NORMALIZED,
}
"""Where a service has a code of its own."""


def status_of(error: BaseException, service: str) -> int:
    """The status that answers an error in a service: `C-STORE`, `C-FIND`, `C-MOVE`, `C-GET` or another."""
    table = {**STATUS, **OF_SERVICE.get(service, {})}
    return next((table[kind] for kind in type(error).__mro__ if kind in table), PROCESSING_FAILURE)
