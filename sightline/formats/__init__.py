"""Files that people bring along: streaming readers that turn bytes into checked columns."""
