"""A zoo of published face networks beside FaceNet: fetched, verified, and converted here."""
