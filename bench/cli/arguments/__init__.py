"""Arguments that commands share: names, paths, and what users bring."""
