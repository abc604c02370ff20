"""The sandbox's strict AWS API, and stacks made in it, as the tests of ``provisioners.aws`` have them."""

from tests.provisioners.aws.conftest import aws, sandbox, stack, target

__all__ = ["aws", "sandbox", "stack", "target"]
