"""What leaves corrected: a data set with a study's corrections laid over it, and a record of what they changed."""

from dataclasses import dataclass
from datetime import datetime

CHARACTER_SET = "SpecificCharacterSet"
"""As the attribute of a correction: its value is the set that the text is really in."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One attribute as it is to be told."""

    attribute: str
    """Its keyword."""
    value: str
    reason: str
    """COERCE or CORRECT (PS3.3 C.12.1.1.9)."""
    source: str
    """Who corrected it."""
    decided_at: datetime
