"""The net below the logs."""

import logging

import pytest

from provisioners.engine.redaction import RedactingFormatter, redact

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"MasterUserPassword={SECRET}&Action=x",
        f'{{"SecretString": "{SECRET}"}}',
        f"'password': '{SECRET}'",
        f"aws_secret_access_key = {SECRET}",
        f"X-Amz-Security-Token: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}",
    ],
)
def test_what_looks_like_a_credential_goes(text):
    assert SECRET not in redact(f"before {text}")
    assert SECRET not in RedactingFormatter().format(logging.LogRecord("n", 20, "p", 1, text, None, None))


def test_key_ids_go_and_the_rest_stays():
    assert redact("key AKIAABCDEFGHIJKLMNOP of user eve") == "key *** of user eve"
    assert redact("SiteSecret failed: needs Database") == "SiteSecret failed: needs Database"


def test_tracebacks_are_redacted_too():
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError as error:
        record = logging.LogRecord("n", 40, "p", 1, "it broke", None, (ValueError, error, error.__traceback__))
    assert SECRET not in RedactingFormatter().format(record)
