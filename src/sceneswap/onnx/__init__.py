"""A model as three ONNX graphs, and the same model run from them without PyTorch."""
