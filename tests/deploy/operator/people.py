"""Somebody at the back office's onion: what Tor Browser sends, without the browser."""

from __future__ import annotations

import html
import re
import time
from typing import Any, Final
from urllib.parse import urljoin

import requests
from django_otp.oath import totp

REASON: Final = "agreed on while reading docs/deploy.md"
PASSWORD: Final = "a long enough one for {name}, kept nowhere"
FIELD: Final = re.compile(r"<(?:input|textarea)\b[^>]*>")
ATTRIBUTE: Final = re.compile(r'([a-z]+)="([^"]*)"')
PATIENCE: Final = 300


class Person:
    """One administrator with a browser of their own, and an authenticator once it is set up."""

    def __init__(self, name: str, onion: str, proxy: str) -> None:
        self.name, self.base = name, f"http://{onion}"
        self.http = requests.Session()
        self.http.trust_env = False
        # A user name of their own: a circuit of their own.
        self.http.proxies = {"http": proxy.replace("://", f"://{name}:x@")}
        self.secret = b""
        self.last_code = 0

    def get(self, path: str) -> str:
        return self._ask("GET", path)

    def log_in(self, one_time: str) -> None:
        """The first time: one's own password, an authenticator, recovery codes."""
        self.send("/admin/login/", username=self.name, password=one_time, next="/admin/")
        new = PASSWORD.format(name=self.name)
        self.send("/admin/password/", old=one_time, new=new, again=new)
        page = self.get("/admin/factor/")
        key = re.search(r'<p class="key-text"><code>([A-Z2-7 ]+)</code>', page)
        assert key is not None, page
        self.secret = _base32(key[1].replace(" ", ""))
        told = self.send("/admin/factor/", code=self.code())
        assert "Your recovery codes" in told, text_of(told)

    def code(self) -> str:
        """The authenticator's; each is taken once, so that a second one in half a minute has to be waited for."""
        while (step := int(time.time()) // 30) == self.last_code:
            time.sleep(0.5)
        self.last_code = step
        return f"{totp(self.secret):06d}"

    def act(self, kind: str, key: str, **answers: Any) -> str:
        return self.send(f"/admin/act/{kind}/{key}/", **answers)

    def confirm(self) -> str:
        """What another asked for, the one thing that waits."""
        waiting = self.get("/admin/backoffice/twopersonact/")
        found = re.search(
            r'<a href="(/admin/backoffice/twopersonact/\d+/change/|/admin/backoffice/twopersonact/\d+/)"',
            waiting,
        )
        assert found is not None, text_of(waiting)
        return self.send(found[1], decision="confirm")

    def send(self, path: str, files: dict[str, Any] | None = None, **answers: Any) -> str:
        """Open the page, fill its form in, send it; the answer is the page that comes then."""
        page = self.get(path)
        form = {name: value for name, value in _fields(page).items() if name}
        if "reason" in _names(page):
            answers.setdefault("reason", REASON)
        if "code" in _names(page) and "code" not in answers:
            answers["code"] = self.code()
        told = self._ask("POST", path, data={**form, **answers}, files=files)
        problems = re.findall(
            r'<span class="field-error">(.*?)</span>|<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', told, re.S
        )
        assert not problems, (path, text_of(told))
        assert 'role="alert"' not in told, (path, text_of(told))
        return told

    def _ask(self, method: str, path: str, **given: Any) -> str:
        url = urljoin(self.base, path)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self.http.request(method, url, timeout=120, allow_redirects=False, **given)
                break
            except requests.exceptions.RequestException:
                # Before anything was sent, over Tor, as a person would: again.
                if method == "POST" or time.monotonic() > deadline:
                    raise
                time.sleep(1)
        for cookie in self.http.cookies:
            # Browsers hold an onion address for secure; this library doesn't.
            cookie.secure = False
        if answer.status_code in (301, 302, 303):
            return self.get(answer.headers["Location"])
        assert answer.status_code == 200, (method, path, answer.status_code, text_of(answer.text))
        return answer.text


def _names(page: str) -> set[str]:
    return {dict(ATTRIBUTE.findall(tag)).get("name", "") for tag in FIELD.findall(page)}


def _fields(page: str) -> dict[str, str]:
    """The hidden fields of the page's own form, not of the log-out button's above it."""
    tags = [dict(ATTRIBUTE.findall(tag)) for tag in FIELD.findall(page)]
    return {
        tag["name"]: html.unescape(tag.get("value", ""))
        for tag in tags
        if tag.get("type") == "hidden" and "name" in tag
    }


def _base32(text: str) -> bytes:
    import base64

    return base64.b32decode(text + "=" * (-len(text) % 8))


def text_of(page: str) -> str:
    """What stands on it, for a failure's message."""
    body = page.partition("<body")[2] or page
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())[:1500]
