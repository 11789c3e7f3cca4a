"""Mail through Tor: Django's SMTP backend with a connection of ours, which tells no name of this machine."""

from __future__ import annotations

import smtplib
import socket
from typing import Any
from urllib.parse import urlsplit

import socks
from django.conf import settings
from django.core.mail.backends import smtp
from django.core.mail.utils import DNS_NAME

from lucid_payments import outgoing


class TorEmailBackend(smtp.EmailBackend):
    """`EMAIL_BACKEND`. Where TOR_PROXY is set the server's name goes to Tor; live there is no other way.

    Mail servers take EHLO and message ids with any name; Django would look this machine's own up, and tell it.
    """

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _Secure if self.use_ssl else _Plain

    def open(self) -> bool | None:
        DNS_NAME._fqdn = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
        return super().open()

    def send_messages(self, email_messages: Any) -> int:
        """How many went. Raises OSError, as Django's does, also where there is no way out."""
        try:
            return int(super().send_messages(email_messages) or 0)
        except outgoing.NoWayOut as error:
            raise OSError(str(error)) from None


class _Plain(smtplib.SMTP):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return connect(host, port, timeout)


class _Secure(smtplib.SMTP_SSL):
    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self.context.wrap_socket(connect(host, port, timeout), server_hostname=host)


def connect(host: str, port: int, timeout: float) -> socket.socket:
    """A connection to the mail server; its name is looked up by Tor. Raises OSError and NoWayOut."""
    proxy = outgoing.proxy("mail")
    if not proxy:
        return socket.create_connection((host, port), timeout)
    parts = urlsplit(proxy)
    connected: socket.socket = socks.create_connection(
        (host, port), timeout, proxy_type=socks.SOCKS5, proxy_addr=parts.hostname, proxy_port=parts.port,
        proxy_rdns=True, proxy_username=parts.username, proxy_password=parts.password,
    )  # fmt: skip
    return connected
