"""We as client: whom we know, and what we say to them."""
