"""`manage.py onion`: addresses of the onion services, who may reach the fenced ones, and whether tor answers."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from lucid_payments.audit import log
from lucid_payments.onion import metrics, services, socks
from lucid_payments.onion.services import OnionRefused, OnionService
from lucid_payments.onion.socks import Reach
from lucid_payments.private_files import PRIVATE_FILE

RELOAD = "tor reads it when it is reloaded (systemctl reload lucid-tor; kill -HUP elsewhere)."
RESTART = "Now restart tor (systemctl restart lucid-tor): until then whoever is, or was lately, connected can go on."
# Where the shipped torrc has it: root on the machine itself needs no forwarder.
SOCKET = "/run/lucid/tor/socks.sock"
ONCE = "Give it to this person alone, by a safe way: it is shown once and kept nowhere. docs/first-login.md goes along."


class Command(BaseCommand):
    help = (
        "The onion services: status, the clients of the fenced ones, and their fence. As root or tor's user."
    )
    # It is what one runs when something is wrong.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        status = acts.add_parser(
            "status", help="addresses, fences, clients, tor; ends with 1 when something is wrong"
        )
        status.add_argument("--socket", default=SOCKET, help=f"tor's own socket, used where it is ({SOCKET})")
        status.add_argument(
            "--reach", action="store_true", help="also try each address through tor (up to a minute)"
        )
        client = acts.add_parser("client", help="who may reach a fenced service")
        what = client.add_subparsers(dest="what", required=True)
        _of_service(what.add_parser("list", help="names, since when, public keys"))
        for name, help_ in (("add", "make a person's key"), ("remove", "take a person's key away")):
            one = what.add_parser(name, help=help_)
            one.add_argument("name", help="whose: small letters, digits and hyphens")
            one.add_argument("--actor", default="", help="user name of the administrator who does it")
            _of_service(one)
        what.choices["add"].add_argument(
            "--out", help="write the key to this new file (0600) and don't show it"
        )
        fence = acts.add_parser("fence", help="make the client that nobody is, where it is missing")
        fence.add_argument("service", choices=services.FENCED, nargs="?", default=services.ADMIN)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            match options["act"], options.get("what"):
                case "status", _:
                    self._status(_tor_at(options["socket"]), reach=options["reach"])
                case "fence", _:
                    self._fence(services.service(options["service"]))
                case "client", "list":
                    self._list(services.service(options["service"]))
                case "client", "add":
                    self._add(services.service(options["service"]), options)
                case _:
                    self._remove(services.service(options["service"]), options)
        except OnionRefused as refused:
            raise CommandError(str(refused)) from None

    def _status(self, tor: str, *, reach: bool) -> None:
        wrong = []
        for service in services.every():
            wrong += self._tell(service)
            if reach and service.address():
                wrong += self._tell_reach(service, tor)
        wrong += self._tell_tor(tor)
        if wrong:
            raise CommandError("\n".join(wrong))

    def _tell(self, service: OnionService) -> list[str]:
        """One service's line; answers what is wrong with it."""
        address, wrong = service.address(), []
        self.stdout.write(f"{service.name}: {address or 'no address yet'}")
        if service.is_fenced:
            clients = [client.name for client in service.clients()]
            dummy = "the dummy keeps the fence" if services.DUMMY in clients else "WITHOUT the dummy"
            people = [name for name in clients if name != services.DUMMY]
            state = "PUBLIC: no client's key" if not clients else f"fenced, {dummy}"
            self.stdout.write(f"  {state}; clients: {', '.join(people) or 'nobody'}")
            if services.DUMMY not in clients:
                wrong.append(f"{service.name}: run `manage.py onion fence {service.name}`, then restart tor.")
        if not address:
            wrong.append(f"{service.name} has no address: start tor (deploy/tor/start).")
        return wrong

    def _tell_reach(self, service: OnionService, tor: str) -> list[str]:
        found = socks.reach(tor, service.address()) if tor else Reach.NOT_REACHED
        self.stdout.write(f"  through tor, without a key: {found.value}")
        right = Reach.KEY_MISSING if service.is_fenced else Reach.REACHED
        return [] if found is right else [f"{service.name}: through tor it should be: {right.value}."]

    def _tell_tor(self, tor: str) -> list[str]:
        answers = bool(tor) and socks.answers(tor)
        self.stdout.write(
            f"tor, at {tor or 'no port: TOR_PROXY is not set'}: {'answers' if answers else 'NO ANSWER'}"
        )
        wrong = (
            [] if answers else ["tor doesn't answer: is it running, and the forwarder where one is needed?"]
        )
        efforts = metrics.suggested_efforts()
        if efforts is None:
            self.stdout.write("proof of work: unknown (no metrics of tor on this machine)")
        for name, effort in (efforts or {}).items():
            asked = f"clients are asked for effort {effort}: a flood" if effort else "ready, none asked for"
            self.stdout.write(f"proof of work, {name}: {asked}")
        return wrong

    def _fence(self, service: OnionService) -> None:
        with transaction.atomic():
            log.record("onion_fence.kept", actor=_operator(), details={"service": service.name})
            service.keep_dummy()
        self.stdout.write(f"{service.name} has its dummy. {RELOAD}")

    def _list(self, service: OnionService) -> None:
        for client in service.clients():
            note = "  (nobody: the fence)" if client.name == services.DUMMY else ""
            self.stdout.write(
                f"{client.name}  since {client.since:%Y-%m-%d %H:%M} UTC  {client.public_key}{note}"
            )

    def _add(self, service: OnionService, options: dict[str, Any]) -> None:
        address = service.address()
        if not address:
            raise OnionRefused(
                f"The {service.name} service has no address yet: start tor once (deploy/tor/start)."
            )
        with transaction.atomic():
            # The entry comes first: without the database nobody gets a key. The key itself is in no entry.
            log.record("onion_client.added", actor=_actor(options), details=_details(service, options))
            key = service.add(options["name"])
            line = key.private_line(address)
            if options["out"]:
                _hand_over(Path(options["out"]), line, service, options["name"])
        self.stdout.write(f"http://{address}/ is open to {options['name']}. {RELOAD}")
        if options["out"]:
            self.stdout.write(f"The key stands in {options['out']}. {ONCE}")
            return
        self.stdout.write(f"For Tor Browser, when it asks for the key: {key.private}")
        self.stdout.write(f"For another tor, its file {options['name']}.auth_private: {line}")
        self.stdout.write(ONCE)

    def _remove(self, service: OnionService, options: dict[str, Any]) -> None:
        with transaction.atomic():
            log.record("onion_client.removed", actor=_actor(options), details=_details(service, options))
            service.remove(options["name"])
        self.stdout.write(f"{options['name']} is removed from {service.name}. {RESTART}")


def _tor_at(socket: str) -> str:
    """tor's socket where it is on this machine; else the port of the settings, which may be empty."""
    return f"unix:{socket}" if Path(socket).is_socket() else str(settings.TOR_PROXY)


def _of_service(parser: Any) -> None:
    parser.add_argument("--service", choices=services.FENCED, default=services.ADMIN)


def _details(service: OnionService, options: dict[str, Any]) -> dict[str, str]:
    return {"service": service.name, "client": options["name"], "at": _operator()}


def _actor(options: dict[str, Any]) -> Any:
    """The administrator who is named, or who is at the prompt: the first key is made before anybody can log in."""
    if not options["actor"]:
        return _operator()
    from lucid_payments.accounts.models import User
    from lucid_payments.accounts.roles import Role

    found = User.objects.filter(username=options["actor"], role=Role.ADMIN, is_active=True).first()
    if found is None:
        raise CommandError("--actor: give the user name of an active administrator.")
    return found


def _operator() -> str:
    return f"command line ({os.environ.get('SUDO_USER') or getpass.getuser()})"


def _hand_over(file: Path, line: str, service: OnionService, name: str) -> None:
    """Write the key where it was asked for, or let nobody have it. Raises OnionRefused."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "w") as opened:
            opened.write(line + "\n")
    except OSError as error:
        service.remove(name)
        raise OnionRefused(f"{file} can't be written: {error.strerror}. Nobody got a key.") from None
