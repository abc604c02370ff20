"""The program: command line, display choice, plain and JSON renderers, signals, exit codes."""
