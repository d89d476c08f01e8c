"""Figures and tables, of the run folder and of the report."""
