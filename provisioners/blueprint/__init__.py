"""Profile and lookups in, resource graph out; pure, in the vocabulary of CloudFormation."""
