"""The DIMSE door: C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET."""
