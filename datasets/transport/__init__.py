"""How files of a data set reach this machine; knows nothing of what they hold."""
