"""What the standard says, as pure functions: bytes, data sets and values in and out."""
