"""Arguments that commands share: names, paths, what users bring, how runs are done."""
