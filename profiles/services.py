"""The sections of the profile for what stands beside the web servers: mail, search, shared files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from profiles.forms import ARCHIVE_PATTERN, CLASS_PATTERN
from profiles.questions import Ask, Choice
from profiles.sections import Section


class Search(Section):
    """The search node."""

    kind: Annotated[
        Literal["none", "solr"],
        Ask(
            "Search",
            "search",
            "'solr': a machine of its own with Apache Solr, whose index stands on a volume that outlives it. Drupal's "
            "own search asks the database.",
            "a small site's own search is enough",
            choices=(
                Choice("none", "Drupal's own", "by the database"),
                Choice("solr", "Solr", "a machine and a volume of its own"),
            ),
        ),
    ] = "none"
    instance_class: Annotated[
        str,
        Ask(
            "Search node class",
            "search",
            "EC2 class of the search node; half of its memory becomes Solr's heap, at most 4 GiB.",
            "an index of some ten thousand pages",
            catalogue="ec2",
            advanced=True,
        ),
        Field(pattern=CLASS_PATTERN),
    ] = "t4g.medium"
    volume_gib: Annotated[
        int,
        Ask(
            "Index volume",
            "search",
            "gp3 volume of the index, encrypted; it stays when the machine changes.",
            "an index is smaller than what it indexes",
            unit="GiB",
            advanced=True,
        ),
        Field(ge=4, le=1000),
    ] = 20
    archive: Annotated[
        str,
        Ask(
            "Solr archive",
            "search",
            "Where Solr's release comes from: an address, or a file on this machine ('/…', '~/…'), which is then sent "
            "to the search node. Empty: drucloud's cache folder if it lies there, else Apache's archive.",
            "Apache keeps every release",
            advanced=True,
        ),
        Field(pattern=ARCHIVE_PATTERN),
    ] = ""
    sha512: Annotated[
        str,
        Ask(
            "SHA-512 of Solr",
            "search",
            "Of the archive, if it is not the release that drucloud knows; nothing else is ever unpacked.",
            "that of Apache's release",
            advanced=True,
        ),
        Field(pattern=r"^([0-9a-f]{128})?$"),
    ] = ""


class Files(Section):
    """Files that all web servers share."""

    kind: Annotated[
        Literal["none", "efs", "glusterfs"],
        Ask(
            "Shared files",
            "extras",
            "Where files live that every web server must see and that are not in the bucket. One web server needs "
            "none; with several, s3fs and the bucket do for public files.",
            "the bucket holds the site's files",
            choices=(
                Choice("none", "None", "each server its own, or the bucket"),
                Choice("efs", "EFS", "billed by what it holds"),
                Choice("glusterfs", "GlusterFS pair", "two machines that mirror each other; no longer developed"),
            ),
            advanced=True,
        ),
    ] = "none"
    instance_class: Annotated[
        str,
        Ask(
            "Files server class",
            "extras",
            "EC2 class of each of the GlusterFS pair.",
            "it moves files and computes nothing",
            catalogue="ec2",
            advanced=True,
        ),
        Field(pattern=CLASS_PATTERN),
    ] = "t4g.small"
    volume_gib: Annotated[
        int,
        Ask(
            "Files volume",
            "extras",
            "gp3 volume of each of the GlusterFS pair, encrypted; both hold everything.",
            "room to grow into",
            unit="GiB",
            advanced=True,
        ),
        Field(ge=4, le=16000),
    ] = 50


class Mail(Section):
    """The site's own mail."""

    kind: Annotated[
        Literal["none", "ses"],
        Ask(
            "Mail",
            "search",
            "'ses': the site sends through Amazon SES, signed (DKIM), with records in the domain's zone and a topic "
            "for bounces and complaints. Needs a domain and names.dns=route53. $0.10 per 1,000 mails.",
            "works before there is a domain",
            choices=(
                Choice("none", "None", "the site sends no mail, or by a service of your own"),
                Choice("ses", "Amazon SES", "needs a domain in Route 53"),
            ),
        ),
    ] = "none"
    domain: Annotated[
        str,
        Ask(
            "Mail domain",
            "search",
            "What stands after the @ of the site's sender. Empty: the site's domain without 'www.'.",
            "mail comes from the site's own domain",
            advanced=True,
        ),
        Field(
            pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+)?$",
            max_length=240,
        ),
    ] = ""
    dmarc: Annotated[
        Literal["keep", "none", "quarantine", "reject"],
        Ask(
            "DMARC",
            "search",
            "What others are to do with mail that claims to be yours and is not signed. 'keep': the domain has its own "
            "record, or needs none.",
            "watch first, before anything is refused",
            choices=(
                Choice("keep", "Leave the record alone"),
                Choice("none", "Only report"),
                Choice("quarantine", "To the spam folder"),
                Choice("reject", "Refuse it"),
            ),
            advanced=True,
        ),
    ] = "none"
