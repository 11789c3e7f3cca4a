"""In a private Tor network, with the shipped configuration: clients come by .onion, nodes are reached by .onion."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import socks as pysocks
from django.core.management import call_command
from pytest_django import Settings
from tronpy import Tron
from tronpy.keys import PrivateKey
from tronpy.providers import HTTPProvider

from lucid_payments import outgoing
from lucid_payments.audit.models import AuditEntry
from lucid_payments.gateway import issuers
from lucid_payments.onion import socks
from lucid_payments.onion.socks import Reach
from payouts.models import Payout
from tests.deploy.gateway.house import a_door, gateway, service
from tests.deploy.gateway.house import short_folder as gateway_folder
from tests.deploy.tor.conftest import Visitors
from tests.deploy.tor.installation import CIRCUIT, Installation, forwarder
from tests.deploy.tor.network import until
from tests.devnet.fixtures import RunningDevnet
from tests.payouts.flow.test_clients import PYTHON, finish, key
from tests.payouts.flow.world import World
from tests.payouts.tron.vectors import KEYS

__all__ = ["key"]

# Alone: one network for all of them, on a machine whose time it needs.
pytestmark = [pytest.mark.tor, pytest.mark.alone]
PAYER, BOB = KEYS["payer"], KEYS["bob"]["base58"]


@pytest.fixture
def way_out(installation: Installation, visitors: Visitors) -> Iterator[str]:
    """The installation's, as its processes have it: a port of the forwarder's, to tor's socket."""
    with forwarder(installation.socks) as proxy:
        until(lambda: socks.answers(proxy, 5), 20, "the forwarder")
        yield proxy


@pytest.mark.haproxy
def test_the_client_of_the_docs_pays_through_the_onion_service(
    installation: Installation, visitors: Visitors, committed_world: World, key: str, tmp_path: Path
) -> None:
    """Tor, the gateway and the web, all as they are shipped; and the back office behind its own service alone."""
    admin = installation.admin.address()
    PYTHON.write(tmp_path)
    with behind_the_gateway(installation, f"localhost,{installation.api},{admin}"):
        told = finish(
            committed_world,
            PYTHON.run(
                tmp_path, PYTHON.program, LUCID_URL=f"http://{installation.api}/api/payment", LUCID_KEY=key,
                LUCID_PROXY=visitors.staff.removeprefix("socks5h://"),
            ),
        )  # fmt: skip
        assert "Log in" in page(visitors.staff, admin).text
        assert page(visitors.staff, installation.api).status_code == 404
        with pytest.raises(requests.ConnectionError):
            page(visitors.stranger, admin)
    payout = Payout.objects.get()
    assert told == [payout.payout_id, "confirmed", payout.attempts.get().txid]
    assert committed_world.paid() == {(payout.recipient_address, 5_500_000): 1}
    created = AuditEntry.objects.get(action="payout.created", object_label=payout.payout_id)
    assert created.client.startswith(f"gateway:{CIRCUIT}"), "whom the audit log knows"


@contextmanager
def behind_the_gateway(installation: Installation, hosts: str) -> Iterator[None]:
    """HAProxy at the sockets that the torrc names, and the web behind it."""
    sockets = {name: str(installation.gateway / f"{name}.sock") for name in ("api", "admin")}
    plenty = {"per_subject": 10_000, "per_client": 10_000, "refused_per_client": 1_000}
    believed, _ = issuers.believed()
    with installation.doors_closed(), gateway_folder() as place, service(place, ALLOWED_HOSTS=hosts) as web:
        door = a_door(place, web, api_socket=sockets["api"], admin_socket=sockets["admin"], **plenty)
        with gateway(place, door, believed):
            yield


def test_tronpy_pays_through_a_node_that_is_an_onion_service(
    visitors: Visitors, way_out: str, settings: Settings, devnet: RunningDevnet
) -> None:
    devnet.control.fund(PAYER["base58"], trx_sun=1_000_000_000, usdt=50_000_000, mine=True)
    settings.TOR_PROXY = way_out
    provider = HTTPProvider(f"http://{visitors.node}/", timeout=30)
    proxy = outgoing.proxy("tronpy")
    provider.sess.proxies, provider.sess.trust_env = {"http": proxy, "https": proxy}, False
    client = Tron(provider)
    call = client.get_contract(devnet.usdt).functions.transfer(BOB, 5_500_000)
    signed = call.with_owner(PAYER["base58"]).fee_limit(20_000_000).build()
    sent = signed.sign(PrivateKey(bytes.fromhex(PAYER["private_key"]))).broadcast()
    devnet.control.step_until_solid()
    assert client.get_solid_transaction_info(sent.txid)["receipt"]["result"] == "SUCCESS"
    (row,) = devnet.control.transfers(payer=PAYER["base58"])
    assert (row["txid"], row["to"], row["amount"]) == (sent.txid, BOB, 5_500_000)


def test_the_back_office_is_there_for_who_has_a_key_and_for_nobody_else(
    installation: Installation, visitors: Visitors
) -> None:
    address = installation.admin.address()
    assert socks.reach(visitors.staff, address) is Reach.REACHED
    assert socks.reach(installation.at, address) is Reach.KEY_MISSING
    assert socks.reach(visitors.stranger, address) is Reach.KEY_WRONG


def page(proxy: str, address: str) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"http": proxy}
    return session.get(f"http://{address}/admin/login/", timeout=60)


def test_the_operators_status_tries_each_service_through_tor(
    installation: Installation, visitors: Visitors, settings: Settings, db: None
) -> None:
    settings.ONION_FOLDER = str(installation.state)
    metrics = next(
        line.split()[1]
        for line in (installation.folder / "torrc").read_text().splitlines()
        if "MetricsPort " in line
    )
    settings.TOR_METRICS_URL = f"http://{metrics}/metrics"
    out = StringIO()
    call_command("onion", "status", "--reach", "--socket", str(installation.socks), stdout=out)
    told = out.getvalue()
    assert f"api: {installation.api}\n  through tor, without a key: reached" in told
    assert (
        "fenced, the dummy keeps the fence; clients: ann\n  through tor, without a key: key missing" in told
    )
    assert f"tor, at {installation.at}: answers" in told
    for address in (installation.api, installation.admin.address()):
        assert f"proof of work, {address}: ready, none asked for" in told


def test_each_purpose_goes_by_a_circuit_of_its_own(
    installation: Installation, way_out: str, settings: Settings
) -> None:
    """What reads the chain can't be told to be whoever sends webhooks."""
    settings.TOR_PROXY = way_out
    circuits = installation.api_door.circuits
    circuits.clear()
    for count, purpose in enumerate(("node-one", "webhooks", "node-one"), start=1):
        parts = urlsplit(outgoing.proxy(purpose))
        with pysocks.create_connection(
            (installation.api, 80), 60, proxy_type=pysocks.SOCKS5, proxy_addr=parts.hostname, proxy_port=parts.port,
            proxy_rdns=True, proxy_username=parts.username, proxy_password=parts.password,
        ):  # fmt: skip
            until(lambda wanted=count: len(circuits) == wanted, 30, purpose)  # type: ignore[misc]
    first, second, again = circuits
    assert first == again != second


def test_whoever_looked_a_name_up_by_himself_is_refused(way_out: str) -> None:
    """SafeSocks: an address in place of a name is what a DNS query has left behind."""
    where = urlsplit(way_out)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), 10) as tor:
        tor.sendall(b"\x05\x01\x00")
        assert tor.recv(2) == b"\x05\x00"
        tor.sendall(b"\x05\x01\x00\x01" + bytes([93, 184, 216, 34]) + (80).to_bytes(2, "big"))
        assert tor.recv(16)[1:2] != b"\x00"
