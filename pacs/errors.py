"""The domain's errors. What a caller may be told; a bug is none of these.

PacsError
├── InvalidInstance         the bytes are no whole, valid DICOM instance
│   └── InstanceMismatch    the instance is not what the message around it said
├── IdentityConflict        it contradicts what is kept; the bytes are in quarantine
│   ├── SeriesConflict      the SOP Instance UID is known in another series or study
│   └── PatientConflict     the SOP or Study Instance UID is known under another patient
├── OutOfResources          no space, no lock, no volume: nothing was kept, try again
├── InvalidQuery            the question is no question (PS3.4 C.4.1)
├── NotFound                there is no such thing, or the caller may not know of it
│   └── Removed             it was here, and somebody removed it
├── AlreadyThere            there is one of that name already
├── NotInThisState          what is asked for cannot be done to it as it is now
│   └── StateConflict       another state is asked for than can come after the one it is in
│       └── ChangedMeanwhile  somebody else has changed it since the caller looked
├── TooLarge                more than is taken at once
├── UnknownDestination      the move destination is no known peer
├── NotAllowed              the caller is known and has no right to it
├── NotAuthenticated        the caller is not known
│   └── TooManyAttempts     he guessed too often: let him wait
├── NotAcceptable           what is kept cannot be given in the form that was asked for
│   └── NotExtractable      these frames cannot be made an instance of their own
│       ├── NoSuchFrames    the instance has none of them
│       ├── NotOfThisClass  nor can any frames of this instance
│       ├── Untimed         frames are asked for by time, and nothing says when they were taken
│       └── InvalidFrames   no frames can be meant by this
├── UnsupportedContent      what was sent is of a media type that is not taken
│   └── UnsupportedTransferSyntax  what was sent is in a transfer syntax that is not taken
└── Undecodable             the pixels are kept, and cannot be decoded
"""


class PacsError(Exception):
    """What went wrong, in words for the caller: what, which, and no patient's data."""


class InvalidInstance(PacsError):
    """The bytes are no whole, valid DICOM instance."""


class InstanceMismatch(InvalidInstance):
    """The data set contradicts the command, the file meta or the request that carried it."""


class IdentityConflict(PacsError):
    """The instance contradicts what is kept. Its bytes are in quarantine, a person decides."""


class SeriesConflict(IdentityConflict):
    """The SOP Instance UID is known in another series or study."""


class PatientConflict(IdentityConflict):
    """The SOP or Study Instance UID is known under another patient."""


class OutOfResources(PacsError):
    """Nothing was kept: no space, no lock in time, or a volume that failed."""


class InvalidQuery(PacsError):
    """The question cannot be asked: a bad range, level or unique key."""


class NotFound(PacsError):
    """There is no such thing, or the caller may not know of it."""


class Removed(NotFound):
    """It was here, and somebody removed it."""


class AlreadyThere(PacsError):
    """There is one of that name already."""


class NotInThisState(PacsError):
    """What is asked for cannot be done to it as it is now."""


class StateConflict(NotInThisState):
    """Another state is asked for than can come after the one that it is in."""


class ChangedMeanwhile(StateConflict):
    """Somebody else has changed it since the caller looked: he shall look again."""


class TooLarge(PacsError):
    """More than is taken at once."""


class UnknownDestination(PacsError):
    """The move destination is no known peer."""


class NotAllowed(PacsError):
    """The caller is known and has no right to this."""


class NotAuthenticated(PacsError):
    """The caller is not known."""


class TooManyAttempts(NotAuthenticated):
    """He guessed too often, or too many sign in at once: let him wait."""


class NotAcceptable(PacsError):
    """What is kept cannot be given in the form that was asked for."""


class NotExtractable(NotAcceptable):
    """These frames cannot be made an instance of their own."""


class NoSuchFrames(NotExtractable):
    """The instance has none of the frames."""


class NotOfThisClass(NotExtractable):
    """No frames of an instance like this can be made one of their own."""


class Untimed(NotExtractable):
    """Frames are asked for by time, and nothing says when they were taken."""


class InvalidFrames(NotExtractable):
    """No frames can be meant by this list or range."""


class UnsupportedContent(PacsError):
    """What was sent is of a media type that is not taken."""


class UnsupportedTransferSyntax(UnsupportedContent):
    """What was sent is in a transfer syntax that is not taken."""


class Undecodable(PacsError):
    """The pixel data is kept as it came, and cannot be decoded."""
