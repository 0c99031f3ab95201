"""The nouns of Sightline, and what is true of them whoever asks."""
