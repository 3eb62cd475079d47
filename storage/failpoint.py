"""Named steps on the path of an instance at which a test can kill the process.

`PACS_FAILPOINT=FP4:crash` makes the process die, as by a power switch, when it reaches FP4:

FP0 first piece received   FP1 last piece received   FP2 header read     FP3 file synced
FP4 renamed                FP5 directory synced      FP6 transaction begun
FP7 before COMMIT          FP8 after COMMIT          FP9 before the answer
"""

import os
import signal

_POINT, _, _ACTION = os.environ.get("PACS_FAILPOINT", "").partition(":")


def reached(point: str) -> None:
    """The process is at this step: die here when the environment says so."""
    if point == _POINT and _ACTION == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
