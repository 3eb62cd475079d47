"""The sample studies: bodies made of formulas, seen as a scanner would see them."""
