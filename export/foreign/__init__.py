"""Networks made by others: what a file is, and how it becomes a model file.

`python -m export import` reads each format once (kinds, checkpoint, onnx_file, from_openvino),
finds what the network takes and gives (trial), and writes a model file around it (contract).
"""
