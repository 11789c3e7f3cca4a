"""Blocks and what stands in them."""

from __future__ import annotations

from typing import Any, Final

from payouts.devnet import render, requests
from payouts.devnet.node import View
from payouts.devnet.render import Json
from payouts.devnet.requests import Request

_MOST_BLOCKS: Final = 100


def get_now_block(view: View, request: Request) -> Json:
    return render.block(view.top, requests.visible(request))


def get_block(view: View, request: Request) -> Json:
    """By number or id, the newest without either; only the header unless `detail` is asked for."""
    wanted = str(request.get("id_or_num") or view.top.number)
    block = view.block(int(wanted)) if wanted.isdecimal() else view.block_by_id(_id(wanted))
    if block is None:
        return {}
    return render.block(block, requests.visible(request), detail=bool(request.get("detail", False)))


def get_block_by_num(view: View, request: Request) -> Json:
    block = view.block(requests.integer(request, "num"))
    return render.block(block, requests.visible(request)) if block else {}


def get_block_by_id(view: View, request: Request) -> Json:
    block = view.block_by_id(_id(str(request.get("value", ""))))
    return render.block(block, requests.visible(request)) if block else {}


def get_blocks_by_range(view: View, request: Request) -> Json:
    """From `startNum` up to, and without, `endNum`; at most 100."""
    first, end = requests.integer(request, "startNum"), requests.integer(request, "endNum")
    if not 0 <= first < end or end - first > _MOST_BLOCKS:
        return {}
    blocks = [block for number in range(first, end) if (block := view.block(number))]
    return {"block": [render.block(block, requests.visible(request)) for block in blocks]}


def get_transaction_by_id(view: View, request: Request) -> Json:
    """A pending transaction is shown too, with the result it had when it was pooled."""
    txid, visible = str(request.get("value", "")), requests.visible(request)
    found = view.lookup(txid)
    if found:
        return render.included(found[1], visible)
    pending = view.pending(txid)
    return render.transaction_with_result(pending.transaction, pending.outcome, visible) if pending else {}


def get_transaction_info_by_id(view: View, request: Request) -> Json:
    found = view.lookup(str(request.get("value", "")))
    return render.transaction_info(*found, requests.visible(request)) if found else {}


def get_transaction_info_by_block_num(view: View, request: Request) -> Any:
    number = requests.integer(request, "num")
    block = view.block(number)
    if number <= 0 or block is None:
        return {} if number <= 0 else []
    return [render.transaction_info(block, item, requests.visible(request)) for item in block.transactions]


def get_transaction_from_pending(view: View, request: Request) -> Json:
    pending = view.pending(str(request.get("value", "")))
    if pending is None:
        return {}
    return render.transaction_with_result(pending.transaction, pending.outcome, requests.visible(request))


def get_transaction_list_from_pending(view: View, request: Request) -> Json:
    pending = view.node.chain.pool.all_seen_by(view.node.index)
    return render.without_defaults({"txId": [item.transaction.txid for item in pending]})


def get_pending_size(view: View, request: Request) -> Json:
    return {"pendingSize": len(view.node.chain.pool.all_seen_by(view.node.index))}


def _id(text: str) -> bytes:
    return requests.octets({"value": text}, "value")


READING: Final = {
    "getnowblock": get_now_block,
    "getblock": get_block,
    "getblockbynum": get_block_by_num,
    "getblockbyid": get_block_by_id,
    "getblockbylimitnext": get_blocks_by_range,
    "gettransactionbyid": get_transaction_by_id,
    "gettransactioninfobyid": get_transaction_info_by_id,
    "gettransactioninfobyblocknum": get_transaction_info_by_block_num,
}
PENDING: Final = {
    "gettransactionfrompending": get_transaction_from_pending,
    "gettransactionlistfrompending": get_transaction_list_from_pending,
    "getpendingsize": get_pending_size,
}
