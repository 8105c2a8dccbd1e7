"""The small digits of scikit-learn: 1,797 handwritten digits, 8x8 with 17 grey levels.

Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI 1998 (the test
part, all that scikit-learn ships).
"""

from pathlib import Path

import numpy as np

from datasets.core.checksums import shuffled
from datasets.core.dataset import Content, split
from datasets.core.registry import register
from datasets.formats.shipped import ScikitLearnLoader

LEVELS = 16  # grey levels are 0..16
REPEAT = 3  # side of the square that each pixel becomes
MARGIN = 2


@register("digits")
class Digits(ScikitLearnLoader):
    """Enlarged to MNIST's size by repetition, which adds no grey levels and blurs nothing."""

    shape = (1, 28, 28)
    counts = (1_297, 200, 300)
    description = (
        "scikit-learn's digits: 8x8 gray with 17 levels spread over 0..255, each pixel repeated "
        "3x3 and a black margin of 2 added (28x28); split at random, so writers are shared."
    )
    checksum = "9c0637fb87386ac87e5d65a0188ebc4afbc72c9b3354c01ecca7551b245362f0"
    shipped = ("data/digits.csv.gz",)

    def read(self, root: Path) -> Content:
        """See `Loader.read`."""
        # Read from the file itself: importing scikit-learn for it would take a second.
        table = np.loadtxt(self.files(root)[0], delimiter=",", dtype=np.uint8)
        digits, classes = table[:, :-1].reshape(-1, 8, 8), table[:, -1]
        levels = np.rint(digits * (255 / LEVELS)).astype(np.uint8)
        large = levels.repeat(REPEAT, axis=1).repeat(REPEAT, axis=2)
        images = np.pad(large, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))[:, None]
        # The file is ordered by writer: unshuffled, the small validation part would show the hand
        # of hardly more than one.
        order = shuffled(len(images), "digits")
        return split(images[order], classes[order], self.counts)
