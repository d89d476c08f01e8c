"""Triangle meshes: files, repair, samples for fields, surfaces of fields, pictures."""
