"""Machines over SSH: connection, bundle, the program that converges a node, and the roles."""
