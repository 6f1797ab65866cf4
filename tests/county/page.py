# SPDX-License-Identifier: Apache-2.0
"""The county's page as a browser asks it."""
import http.client
import json
import ssl
import subprocess

import garden

PASSWORD = "camellia-sinensis"


class Page:
    """`source`: the address that the requests come from."""

    def __init__(self, port, authority, source="127.0.0.1"):
        self.port, self.source, self.cookie = port, source, None
        self.context = ssl.create_default_context(cafile=authority)

    @property
    def origin(self):
        return f"https://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, **headers):
        """(status, headers, body)"""
        one = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=300,
                                          source_address=(self.source, 0))
        given = {"Cookie": f"__Host-baiye={self.cookie}"} if self.cookie else {}
        if method == "POST":
            given["Origin"] = self.origin
        given.update({name.replace("_", "-"): value for name, value in headers.items() if value})
        one.request(method, path, body, {k: v for k, v in given.items() if v is not None})
        answer = one.getresponse()
        text = answer.read().decode()
        one.close()
        return answer.status, answer.headers, text

    def get(self, path):
        """What is there, as JSON; None: nothing for us."""
        status, _, text = self.ask("GET", path)
        assert status in (200, 404), (status, text)
        return json.loads(text) if status == 200 else None

    def login(self, user, password=PASSWORD, **headers):
        status, answered, _ = self.ask("POST", "/county/login",
                                       json.dumps({"user": user, "password": password}), **headers)
        if status == 200:
            self.cookie = answered["Set-Cookie"].split("=", 1)[1].split(";")[0]
        return status


def operate(program, *words, line=""):
    """What the operator says beside the running program."""
    done = subprocess.run([garden.program("baiye-county"), program.config, *words], input=line + "\n",
                          capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def allow(program, user, *rights):
    code, text = operate(program, "login", user, *rights, line=PASSWORD)
    assert code == 0, text
