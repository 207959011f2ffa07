"""Models in ONNX, run by onnxruntime-genai."""
