"""Pages: a document as one HTML file that needs nothing else, with plots and a browser of the cases."""
