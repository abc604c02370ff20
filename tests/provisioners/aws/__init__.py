"""Tests of provisioners.aws, against an AWS API over HTTP on loopback."""
