"""The read model: what services keep in MongoDB, and how the others read it."""
