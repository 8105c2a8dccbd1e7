"""The figures. Each is drawn from the content and returned, or None where there is nothing to draw.

matplotlib is used through its objects alone, so no state is shared with a caller's own figures.
"""
