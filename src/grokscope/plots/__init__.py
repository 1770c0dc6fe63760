"""Traces and spectra as pictures, drawn by matplotlib."""
