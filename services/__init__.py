"""The services of Sightline. They never import each other: they meet in events and in the read model."""
