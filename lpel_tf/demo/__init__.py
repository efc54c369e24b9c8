"""The main job, end to end, on real faces: `lpel demo`."""
