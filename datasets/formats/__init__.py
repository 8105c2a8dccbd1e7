"""File formats and kinds of loaders that several data sets share."""
