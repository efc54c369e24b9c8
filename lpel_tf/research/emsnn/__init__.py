"""EMSNN's own parts: its autoencoder, and the prototypes that it compares with."""
