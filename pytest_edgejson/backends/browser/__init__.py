"""Models in ONNX in a browser: run by transformers.js in a page of Chromium."""
