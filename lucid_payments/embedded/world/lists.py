"""The demo's sanctions lists: invented, put in force by two people, and new again at each start.

They hold one of each thing that a real list has surprised somebody with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from kyc import screening
from kyc.models import ListState, ListVersion, Moment
from kyc.screening import activation, rescreening, sources, staging
from kyc.screening.sources import ListSource
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import RecipientNotAccepted
from lucid_payments.embedded.world.people import wallet
from lucid_payments.money import BASE_UNITS_PER_USDT
from payouts.manager import PayoutManager
from payouts.order import PayoutOrder
from payouts.tron import addresses

# Whoever tries the demo can ask for a payout to these: refused, held, held.
LISTED, TWIN, LOOK_ALIKE = "listed person", "listed twin", "listed look-alike"
UPLOADER, ACTIVATOR = "second_compliance_officer", "compliance_officer"


def keep() -> None:
    """Put each required list that is invented here in force, or say that its source gave it again."""
    for source in sources.required():
        version = ListVersion.objects.filter(list_name=source.name, state=ListState.ACTIVE).first()
        if version is not None:
            staging.renew(version)
        elif source.name in _CONTENTS:
            _put_in_force(source)
    while rescreening.work():
        continue


def meet() -> None:
    """Two cases for the compliance officer's queue, made as real ones are."""
    if not sources.required():
        return
    screening.screen_address(wallet(TWIN), moment=Moment.REGISTRATION, about="node node-demo-1")
    order = PayoutOrder(
        recipient_address=wallet(LISTED), amount=12 * BASE_UNITS_PER_USDT, reason="Session 0001"
    )
    try:
        PayoutManager.create(creator=User.objects.get(username="service"), order=order)
    except RecipientNotAccepted:
        return
    raise RuntimeError("The demo's listed person isn't refused.")


def _put_in_force(source: ListSource) -> None:
    content = _CONTENTS[source.name]().encode()
    version = staging.receive(
        source,
        [content],
        by=User.objects.get(username=UPLOADER),
        stated_sha256=hashlib.sha256(content).hexdigest(),
        published_on=clock.now().date(),
        reason="The demo's invented list",
    )
    staging.check(version.pk)
    by = User.objects.get(username=ACTIVATOR)
    activation.activate(version, by=by, second=None, evidence={"reason": "The demo's invented list"})


def _sanctions() -> str:
    """As OFAC's sdn.xml: a TRON address under XBT, and a 0x twin."""
    key = addresses.to_evm(addresses.decode(wallet(TWIN))).hex()
    return f"""<?xml version="1.0" standalone="yes"?>
<sdnList xmlns="https://example.invalid/XML">
  <publshInformation><Publish_Date>{clock.now():%m/%d/%Y}</Publish_Date><Record_Count>2</Record_Count></publshInformation>
  <sdnEntry><uid>101</uid><firstName>Ivan</firstName><lastName>INVENTOROV</lastName><sdnType>Individual</sdnType>
    <programList><program>DEMO</program></programList>
    <akaList><aka><uid>1</uid><type>a.k.a.</type><lastName>INVENTOR</lastName></aka></akaList>
    <idList><id><uid>1</uid><idType>Digital Currency Address - XBT</idType>
      <idNumber>{wallet(LISTED)}</idNumber></id></idList></sdnEntry>
  <sdnEntry><uid>102</uid><lastName>NOWHERE EXCHANGE LDA</lastName><sdnType>Entity</sdnType>
    <programList><program>DEMO</program></programList>
    <idList><id><uid>2</uid><idType>Digital Currency Address - ETH</idType><idNumber>0x{key}</idNumber></id></idList>
  </sdnEntry>
</sdnList>
"""


def _frozen() -> str:
    """One address on each line: one with a Cyrillic letter, and one that was mistyped."""
    seen = wallet(LOOK_ALIKE)
    pairs = dict(zip("AEKMHPCTXaeopcxy", map(chr, _CYRILLIC), strict=True))
    place = next(place for place, letter in enumerate(seen) if place and letter in pairs)
    alike = seen[:place] + pairs[seen[place]] + seen[place + 1 :]
    return "\n".join(
        ["# invented", alike, wallet("a mistyped one")[:-1] + "1", wallet("another listed one"), ""]
    )


# In the order of the Latin letters above.
_CYRILLIC: Final = (
    0x410, 0x415, 0x41A, 0x41C, 0x41D, 0x420, 0x421, 0x422, 0x425, 0x430, 0x435, 0x43E, 0x440, 0x441, 0x445, 0x443,
)  # fmt: skip
_CONTENTS: Final[dict[str, Callable[[], str]]] = {"demo-sanctions": _sanctions, "demo-frozen": _frozen}
