"""A stand-in for IAM Identity Center (``sso-oidc`` and ``sso``) over HTTP, for moto has neither operation.

It answers as the service models of botocore say (``data/sso-oidc/2019-06-10``, ``data/sso/2019-06-10``): registration,
device authorization, the token while it is pending, and role credentials for a token that it gave.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WHO = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::123456789012:assumed-role/Deploy/me</Arn><UserId>AROA:me</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Portal:
    """What the tests set and see.

    ``pending``: errors of ``CreateToken`` before it gives the token, oldest first; ``expires_in``: seconds that a code
    is good for; ``asked``: paths in order; ``keys``: the credentials of the role.
    """

    def __init__(self, keys: tuple[str, str]) -> None:
        self.keys = keys
        self.pending: list[str] = []
        self.expires_in = 600
        self.interval = 1
        self.asked: list[str] = []
        self.bodies: list[dict] = []
        self.tokens: set[str] = set()
        portal = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"]))
                if b"Action=GetCallerIdentity" in text:  # STS, for tests that have no other account
                    self._send(200, WHO, "text/xml")
                    return
                body = json.loads(text)
                portal.bodies.append(body)
                self._answer(*portal.post(self.path, body))

            def do_GET(self) -> None:
                self._answer(*portal.get(self.path.partition("?")[0], self.headers.get("x-amz-sso_bearer_token", "")))

            def _answer(self, status: int, content: dict) -> None:
                self._send(status, json.dumps(content).encode(), "application/json", content.get("type", ""))

            def _send(self, status: int, text: bytes, kind: str, error: str = "") -> None:
                self.send_response(status)
                if error:
                    self.send_header("x-amzn-ErrorType", error)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def post(self, path: str, body: dict) -> tuple[int, dict]:
        self.asked.append(path)
        if path == "/client/register":
            soon = int(time.time()) + 90 * 86400
            return 200, {"clientId": "client", "clientSecret": "client-secret", "clientSecretExpiresAt": soon}
        if path == "/device_authorization":
            return 200, {
                "deviceCode": "device",
                "userCode": "ABCD-EFGH",
                "verificationUri": "https://acme.awsapps.com/start/#/device",
                "verificationUriComplete": "https://acme.awsapps.com/start/#/device?user_code=ABCD-EFGH\x1b[31m",
                "expiresIn": self.expires_in,
                "interval": self.interval,
            }
        if self.pending:
            name = self.pending.pop(0)
            return 400, {"error": name, "type": name, "error_description": name}
        token = f"token-{len(self.tokens)}"
        self.tokens.add(token)
        return 200, {"accessToken": token, "refreshToken": "again", "tokenType": "Bearer", "expiresIn": 3600}

    def get(self, path: str, token: str) -> tuple[int, dict]:
        self.asked.append(path)
        if token not in self.tokens:
            return 401, {"error": "unauthorized", "type": "UnauthorizedException", "message": "no such session"}
        key, secret = self.keys
        until = int((time.time() + 3600) * 1000)
        return 200, {
            "roleCredentials": {"accessKeyId": key, "secretAccessKey": secret, "sessionToken": "", "expiration": until}
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
