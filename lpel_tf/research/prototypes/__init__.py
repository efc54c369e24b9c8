"""EMSNN on images of one's own, by the nearest prototype, with LPEL beside it: `lpel emsnn`."""
