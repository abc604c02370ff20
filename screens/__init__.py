"""What the user sees in the TUI: one file a screen, with its style sheet beside it."""
