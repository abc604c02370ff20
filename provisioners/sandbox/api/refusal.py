"""The error with which every rule refuses a call."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class Refused(ServiceException):
    """AWS would refuse this call: ``Refused(code, message)`` with AWS's own code."""
