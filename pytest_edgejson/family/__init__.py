"""`edgejson reproduce`: the published experiment in miniature, with small models of this project's own."""
