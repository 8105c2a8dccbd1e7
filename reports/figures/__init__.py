"""The figures. Each is drawn from the content and returned, or None where there is nothing to draw.

matplotlib is used through its objects alone, so no state is shared with a caller's own figures.
"""

from reports.figures.calibration import calibration
from reports.figures.convergence import convergence
from reports.figures.forest import Panel, forest
from reports.figures.grids import reconstruction_grid, sample_grid, shown_run
from reports.figures.inflection import inflection
from reports.figures.rates import rate_distortion
from reports.figures.style import Style, house_style, styles

__all__ = [
    "Panel",
    "Style",
    "calibration",
    "convergence",
    "forest",
    "house_style",
    "inflection",
    "rate_distortion",
    "reconstruction_grid",
    "sample_grid",
    "shown_run",
    "styles",
]
