"""The commands, one small function each: they read the command line and import what they need when they run."""
