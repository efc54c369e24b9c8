"""The bundle: the folder of networks and numbers that an engine loads, or refuses."""
