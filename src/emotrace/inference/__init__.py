"""The runtime: model folders, recognition, streaming. No PyTorch."""
