"""The service: REST, live recognition over a WebSocket, and a page. Needs the extra `serve`; no PyTorch."""
