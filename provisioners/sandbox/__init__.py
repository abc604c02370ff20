"""A local AWS API and local machines, so that everything works without an account."""
