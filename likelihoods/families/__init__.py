"""The likelihoods, one file a family; a file that is dropped in here is registered."""

from importlib import import_module
from pkgutil import iter_modules


def load_families() -> None:
    """Import every file of this folder, which registers its likelihoods."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
