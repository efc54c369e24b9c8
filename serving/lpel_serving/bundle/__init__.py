"""Bundles: folders of networks and numbers, read, verified, described and written."""
