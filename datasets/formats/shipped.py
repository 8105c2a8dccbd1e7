"""The loader of data sets that scikit-learn ships: there is nothing to fetch or to store."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from datasets.core.registry import Loader, complete


class ScikitLearnLoader(Loader):
    """Data inside the installed scikit-learn package; the data folder is not used."""

    folder = ""
    bytes = 0
    advice = "install scikit-learn, which ships it"
    shipped: tuple[str, ...]  # paths of the files below sklearn/datasets

    def files(self, root: Path) -> list[Path]:
        """See `Loader.files`."""
        package = find_spec("sklearn")  # finds the package without the second its import takes
        if package is None or package.origin is None:
            return []
        return complete(*(Path(package.origin).parent / "datasets" / n for n in self.shipped))

    def origin(self, root: Path) -> str:
        """See `Loader.origin`."""
        return f"shipped with scikit-learn {version('scikit-learn')}"
