"""What is done of itself, and what is done for others later than they asked: one file a feature."""
