"""The whole flow in one process, step by step: real database, real signer, real nodes on a chain that is stepped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from kyc.attestation.keys import public_of
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts import chain, devnet_clock, ledger, signer, watching
from payouts.devnet.client import DevnetControl
from payouts.manager import PayoutManager
from payouts.models import Attempt, LedgerAccount, Payout
from payouts.order import PayoutOrder
from payouts.release import release_due
from payouts.sending import send_due
from payouts.tron.signing import keyfile
from payouts.tron.signing.secret import Secret
from payouts.tron.signing.trust import TrustFile
from routers.models import LimitWindow
from tests.harness.environment import TREASURY_PRIVATE_KEY
from tests.kyc.attestation.documents import KEY

PASSWORD = "a password for tests alone"
RECIPIENTS = (
    "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9",
    "TUQMqoA8tQmghWmv9oX8GUVpiSQsBb1BKK",
    "TQA32uQG7595o1M8BnCTzZaEA1bW7ggKy7",
    "TCw2CYgodYqTntXUJvqKAEF2PYKg3reGZK",
)
USDT = 1_000_000
FUNDS = 50_000 * USDT
OVER = ("confirmed", "failed", "cancelled", "manual")


def write_key(folder: Path) -> dict[str, str]:
    """A key file with the tests' treasury key, the signer's trust in the tests' authority, and the settings for it."""
    key_file, password_file = folder / "treasury.json", folder / "password"
    password_file.write_text(PASSWORD)
    TrustFile.beside(folder / "journal").decide(
        kid=KEY.kid, authority=KEY.authority, x=public_of(KEY.private), state="active", by="ann, bob", reason="test",
        now_ms=0,
    )  # fmt: skip
    keyfile.import_key(key_file, Secret(TREASURY_PRIVATE_KEY.hex()), Secret(PASSWORD), scrypt_n=2)
    return {
        "TREASURY_KEY_FILE": str(key_file),
        "TREASURY_PASSWORD_FILE": str(password_file),
        "SIGNER_JOURNAL_FILE": str(folder / "journal"),
    }


def forget_process_state() -> None:
    """As if every process had been started anew."""
    if signer.journal.cache_info().currsize:
        signer.journal().close()
    for cached in (signer.journal, signer.highest, signer.desk, chain.parameters):
        cached.cache_clear()
    if chain.pool.cache_info().currsize:
        chain.pool().close()
    chain.pool.cache_clear()


@dataclass
class World:
    """The system with a funded treasury, a service that asks for payouts, and hands on the chain's clock."""

    devnet: DevnetControl
    service: User

    def start(self) -> None:
        self.devnet.fund(settings.TREASURY_ADDRESS, trx_sun=100_000 * USDT, mine=True)
        self.devnet.fund(settings.TREASURY_ADDRESS, usdt=FUNDS, mine=True)
        self.devnet.step_until_solid()
        ledger.book_inflow(FUNDS, note="test funds")
        devnet_clock.follow()
        self.signer_lives()

    def create(self, amount: int = 5 * USDT, *, to: str = RECIPIENTS[0], **order: Any) -> Payout:
        asked = PayoutOrder(recipient_address=to, amount=amount, reason="test", **order)
        return PayoutManager.create(creator=self.service, order=asked)

    def signer_lives(self) -> int:
        return signer.sign_prepared()

    def tick(self) -> None:
        """One turn of every process."""
        watching.poll()
        self.signer_lives()
        release_due()
        self.signer_lives()
        send_due()

    def step(self, blocks: int = 1) -> None:
        """So many blocks, and a round of the watcher after them."""
        self.devnet.step(blocks=blocks)
        watching.poll()

    def run(self, rounds: int = 30, *, blocks: int = 5) -> None:
        """Let everything go on for so many rounds of so many blocks."""
        for _ in range(rounds):
            self.tick()
            self.devnet.step(blocks=blocks)
            devnet_clock.follow()
        self.tick()

    def settle(self, limit: int = 60) -> None:
        """Go on until no payout is open."""
        for _ in range(limit):
            self.tick()
            self.devnet.step(blocks=10)
            devnet_clock.follow()
            watching.poll()
            if not Payout.objects.exclude(status__in=OVER).exists():
                return
        raise AssertionError(f"still open: {list(Payout.objects.values_list('status', 'hold_reason'))}")

    def pass_by(self, seconds: float) -> None:
        """So much time, with empty slots and one block at its end; every process sees it."""
        self.devnet.step(seconds=seconds)
        watching.poll()
        self.signer_lives()

    def expire(self) -> None:
        """Long enough for what isn't in a block to be proven dead: past expiration, solid, and 20 blocks more."""
        for blocks in (84, 21, 21):
            self.devnet.step(blocks=blocks)
            watching.poll()

    def paid(self) -> Counter[tuple[str, int]]:
        """What really left the treasury, by the chain's own books: (recipient, base units)."""
        books = self.devnet.transfers(payer=settings.TREASURY_ADDRESS)
        return Counter((row["to"], row["amount"]) for row in books)

    def check(self) -> None:
        """Chain, payouts, ledger and windows tell the same story, to the base unit."""
        confirmed = Payout.objects.filter(status="confirmed")
        assert self.paid() == Counter(confirmed.values_list("recipient_address", "amount"))
        spent = sum(confirmed.values_list("amount", flat=True))
        balance = ledger.treasury_balance()
        assert balance.posted == FUNDS - spent
        open_amount = sum(
            Attempt.objects.filter(state__in=("prepared", "signed", "sent", "included")).values_list(
                "amount", flat=True
            )
        )
        assert balance.pending_out == open_amount
        for scope in ("global", "router"):
            windows = LimitWindow.objects.filter(scope=scope, period="day")
            assert sum(windows.values_list("posted", flat=True)) == spent
            assert sum(windows.values_list("reserved", flat=True)) == open_amount
        for account in LedgerAccount.objects.filter(currency="USDT"):
            assert account.debits_pending >= 0
        totals = LedgerAccount.objects.values_list("debits_posted", "credits_posted")
        assert sum(row[0] for row in totals) == sum(row[1] for row in totals)


def now_ms() -> int:
    return clock.to_ms(clock.now())
