"""The web page: a form for two faces and the result, in static files, with their routes."""
