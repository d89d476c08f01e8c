"""Figures, tables and HTML templates of the run folder and of the report."""
