"""The core: take in, find, give back."""
