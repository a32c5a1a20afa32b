"""What touches the operating system: files written whole, interrupts."""
