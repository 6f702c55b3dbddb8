"""Weights become model files: ONNX, its int8 sibling, TensorRT engines, each checked."""
