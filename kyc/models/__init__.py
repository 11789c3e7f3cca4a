"""What the desk knows of those it pays: one module per thing, all imported here for Django."""

from kyc.models.contents import KycContent, KycLookup
from kyc.models.dossier import Finding, InfoRequest, KycDecision, KycMark, KycNote, NoteKind
from kyc.models.operators import Node, NodeOperator, OperatorStatus
from kyc.models.records import KycRecord, Risk
from kyc.models.timeline import KycStep
from kyc.models.vault import Subject

__all__ = [
    "Finding",
    "InfoRequest",
    "KycContent",
    "KycDecision",
    "KycLookup",
    "KycMark",
    "KycNote",
    "KycRecord",
    "KycStep",
    "Node",
    "NodeOperator",
    "NoteKind",
    "OperatorStatus",
    "Risk",
    "Subject",
]
