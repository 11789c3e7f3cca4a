"""tronpy reaches the devnet through SOCKS5, and leaves names to the proxy, as it must through Tor."""

from __future__ import annotations

import asyncio

import httpx
from tronpy import AsyncTron, Tron
from tronpy.providers import AsyncHTTPProvider, HTTPProvider

from tests.devnet.fixtures import RunningDevnet
from tests.devnet.socks import socks_proxy

ONION = "tronnode.onion"


def test_the_sync_client_goes_through_the_proxy_by_name(devnet: RunningDevnet) -> None:
    port = int(devnet.url.rpartition(":")[2])
    with socks_proxy() as proxy:
        provider = HTTPProvider(f"http://{ONION}:{port}")
        provider.sess.proxies = {"http": proxy.url}
        provider.sess.trust_env = False
        number = Tron(provider).get_latest_block_number()
        provider.sess.close()
        assert proxy.asked == [(ONION, port)]
    assert number == devnet.control.state()["head"]["number"]


def test_the_async_client_goes_through_the_proxy_by_name(devnet: RunningDevnet) -> None:
    port = int(devnet.url.rpartition(":")[2])

    async def head_through(proxy_url: str) -> int:
        # httpx speaks socks5 with names left to the proxy, and knows no other word for it.
        client = httpx.AsyncClient(proxy=proxy_url.replace("socks5h", "socks5"), trust_env=False)
        async with AsyncTron(AsyncHTTPProvider(f"http://{ONION}:{port}", client=client)) as tron:
            number: int = await tron.get_latest_block_number()
            return number

    with socks_proxy() as proxy:
        number = asyncio.run(head_through(proxy.url))
        assert proxy.asked == [(ONION, port)]
    assert number == devnet.control.state()["head"]["number"]
