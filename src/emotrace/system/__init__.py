"""Access to the operating system: atomic file writes and interrupts."""
