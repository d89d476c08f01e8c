"""Triangle meshes: in from files, out of fields, and what lies between."""
