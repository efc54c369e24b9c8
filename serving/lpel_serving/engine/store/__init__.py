"""Each distinct photograph is embedded once: where what was computed of it is kept, and found."""
