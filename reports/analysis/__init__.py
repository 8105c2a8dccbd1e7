"""Numbers in, numbers out: what may be compared, means, intervals, ranks. Nothing is printed."""
