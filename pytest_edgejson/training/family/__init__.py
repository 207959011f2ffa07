"""`edgejson reproduce`: the published story again, in miniature."""
