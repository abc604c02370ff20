"""The section of the profile for a load balancer of one's own: a pair of LVS directors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from profiles.forms import CLASS_PATTERN
from profiles.questions import Ask, Choice
from profiles.sections import Section

BY_DESTINATION = ("dh", "lblc", "lblcr")
"""Schedulers that look at the address asked for: made for farms of caches, and a site has one address."""


class Director(Section):
    """The LVS directors; asked for only with balancer.kind=lvs."""

    method: Annotated[
        Literal["nat", "dr", "tun"],
        Ask(
            "LVS method",
            "balancer",
            "How LVS directors hand packets on; only with balancer.kind=lvs. On AWS a visitor from the Internet is "
            "answered by NAT alone: an Elastic IP belongs to one machine, and an answer that another machine sends "
            "(DR, TUN) never leaves the VPC.",
            "the only one by which visitors from the Internet get an answer",
            advanced=True,
            choices=(
                Choice("nat", "NAT", "answers go back through the director"),
                Choice("dr", "Direct routing", "for addresses inside a network only"),
                Choice("tun", "IP tunnelling", "for addresses inside a network only"),
            ),
        ),
    ] = "nat"
    scheduler: Annotated[
        Literal["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq"],
        Ask(
            "LVS scheduler",
            "balancer",
            "Which web server gets the next connection; only with balancer.kind=lvs.",
            "requests differ in length: whoever has least to do gets the next one",
            advanced=True,
            choices=(
                Choice("rr", "Round robin", "in turn"),
                Choice("wrr", "Weighted round robin", "in turn, by weight"),
                Choice("lc", "Least connections"),
                Choice("wlc", "Weighted least connections", "LVS's own default"),
                Choice("lblc", "Locality, least connections", "by destination: all goes to one server"),
                Choice("lblcr", "Locality with replication", "by destination: all goes to one server"),
                Choice("dh", "Destination hash", "by destination: all goes to one server"),
                Choice("sh", "Source hash", "a visitor's address decides; it stays with its server"),
                Choice("sed", "Shortest expected delay", "for servers of different sizes"),
                Choice("nq", "Never queue", "an idle server first, then as sed"),
            ),
        ),
    ] = "wlc"
    persistence_seconds: Annotated[
        int,
        Ask(
            "LVS persistence",
            "balancer",
            "How long a visitor's address stays with its web server; 0 for not at all. Drupal's sessions are in the "
            "database, so it needs none, and many visitors behind one address would all land on one server.",
            "every web server knows every session",
            unit="seconds",
            advanced=True,
        ),
        Field(ge=0, le=86_400),
    ] = 0
    instance_class: Annotated[
        str,
        Ask(
            "Director class",
            "balancer",
            "EC2 class of each of the two LVS directors; by NAT every byte of every answer passes through one of them, "
            "so its network is what counts.",
            "128 Mbit/s all day, 5 Gbit/s for minutes",
            catalogue="ec2",
            advanced=True,
        ),
        Field(pattern=CLASS_PATTERN),
    ] = "t4g.small"
