"""The sandbox's machines: what stands behind an EC2 instance, really booted or rehearsed."""

from provisioners.sandbox.machines.choice import choose

__all__ = ["choose"]
