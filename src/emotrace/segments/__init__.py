"""Segments that users give: sentences or turns, read from the files other programs write."""
