"""Things to run that show what Sightline does."""
