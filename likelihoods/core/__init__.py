"""What every family stands on: the base class, the registry, the grid and the numerics."""
