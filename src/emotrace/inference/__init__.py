"""The runtime: model folders, recognition, streaming. Runs without PyTorch."""
