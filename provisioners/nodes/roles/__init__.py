"""The roles a machine can have, each a folder of data: role.yaml and the templates of its files."""
