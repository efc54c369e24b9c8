"""From a folder of faces to a bundle: embed, train, export, choose the threshold, write."""
