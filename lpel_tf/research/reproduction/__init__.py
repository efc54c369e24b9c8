"""Runs chapter 5 again: every figure and table, with controls that the thesis lacks."""
