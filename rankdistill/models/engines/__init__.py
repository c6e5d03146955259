"""What computes logits: torch, ONNX Runtime, OpenVINO; exports for them, and the fastest of them."""
