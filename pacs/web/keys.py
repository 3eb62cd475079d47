"""The key of a row in an address."""

from typing import Annotated

from fastapi import Path

Key = Annotated[int, Path(ge=1, le=2**63 - 1)]
"""What the index can hold as one; anything else is a bad request, not a question to the index."""
