"""Methods that embed altered images, and measure the change of the similarity."""
