"""What makes a bundle safe to take from a stranger: nothing in it is believed, or executed."""
