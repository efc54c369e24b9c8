"""Parts of the method EMSNN: its autoencoder, and the prototypes that it compares with."""
