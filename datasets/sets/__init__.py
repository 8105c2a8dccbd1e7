"""One file a data set; each registers its loader."""
