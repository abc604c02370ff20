"""Programs that are streamed to a machine to look at it; nothing is installed there."""
