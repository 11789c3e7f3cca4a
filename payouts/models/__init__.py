"""The rows behind a payout's way; see docs/design of each module's first lines."""

from payouts.models.approval import Approval, ApprovalRequest, ApprovalRule
from payouts.models.attempt import Attempt, NodeAnswer
from payouts.models.batch import PayoutBatch
from payouts.models.cases import ChainSearch, Evidence, ManualCase, UnknownTransfer
from payouts.models.chain import Alarm, ChainBlock, ChainState, OrphanSignature, SignerState, Treasury
from payouts.models.compromise import CompromisedKey
from payouts.models.distribution import (
    Carry,
    Chunk,
    DistributionRun,
    Entitlement,
    EntitlementState,
    LineHold,
    Outcome,
    PoolKind,
    RecipientKind,
    RunApproval,
    RunInput,
    RunState,
    RunStep,
)
from payouts.models.ledger import LedgerAccount, LedgerTransfer
from payouts.models.paid import PaidHour
from payouts.models.payout import Payout, PayoutTransition
from payouts.models.proof import RunLeaf, RunRoot
from payouts.models.reconciliation import ReconciliationCase, ReconciliationRun
from payouts.models.report import Report, ReportFile, ReportPart
from payouts.models.rotation import TreasuryRotation
from payouts.models.session_rule import PaymentState, SessionPayment, SessionRule
from payouts.models.slot import PayoutSlot, SlotState
from payouts.models.sweep import Sweep, SweepCause, SweepState, SweepTransfer, TransferState
from payouts.models.tally import Tally, TallyChange
from payouts.models.unusual import LargestOfDay, UnusualAmount
from payouts.models.upload import FileKind, PayoutUpload, UploadState
from payouts.models.work import WorkEvent, WorkKind

__all__ = [
    "Alarm",
    "Approval",
    "ApprovalRequest",
    "ApprovalRule",
    "Attempt",
    "Carry",
    "ChainBlock",
    "ChainSearch",
    "ChainState",
    "Chunk",
    "CompromisedKey",
    "DistributionRun",
    "Entitlement",
    "EntitlementState",
    "Evidence",
    "FileKind",
    "LargestOfDay",
    "LedgerAccount",
    "LedgerTransfer",
    "LineHold",
    "ManualCase",
    "NodeAnswer",
    "OrphanSignature",
    "Outcome",
    "PaidHour",
    "PaymentState",
    "Payout",
    "PayoutBatch",
    "PayoutSlot",
    "PayoutTransition",
    "PayoutUpload",
    "PoolKind",
    "RecipientKind",
    "ReconciliationCase",
    "ReconciliationRun",
    "Report",
    "ReportFile",
    "ReportPart",
    "RunApproval",
    "RunInput",
    "RunLeaf",
    "RunRoot",
    "RunState",
    "RunStep",
    "SessionPayment",
    "SessionRule",
    "SignerState",
    "SlotState",
    "Sweep",
    "SweepCause",
    "SweepState",
    "SweepTransfer",
    "Tally",
    "TallyChange",
    "TransferState",
    "Treasury",
    "TreasuryRotation",
    "UnknownTransfer",
    "UnusualAmount",
    "UploadState",
    "WorkEvent",
    "WorkKind",
]
