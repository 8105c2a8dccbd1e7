"""What a data set is, the registry, the data folder, and the verbs status, fetch and load."""
