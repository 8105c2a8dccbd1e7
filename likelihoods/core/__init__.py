"""The base class, the registry, the grid and the numerics of all families."""
