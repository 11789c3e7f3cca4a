"""What the desk knows of those it pays: one module per thing, all imported here for Django."""

from kyc.models.address_book import AddressEntry
from kyc.models.attestations import Attestation, Authority, AuthorityKey, AwaitingAttestation, KeyState
from kyc.models.contents import KycContent, KycLookup
from kyc.models.documents import DocumentKind, KycDocument, KycDocumentPage
from kyc.models.dossier import Finding, InfoRequest, KycDecision, KycMark, KycNote, NoteKind
from kyc.models.operators import Node, NodeOperator, OperatorStatus
from kyc.models.providers import ProviderAnswer, ProviderKind
from kyc.models.records import KycRecord, PersonsData, Risk
from kyc.models.screening_cases import CaseState, Grade, Moment, ScreeningCase, ScreeningEncounter
from kyc.models.screening_lists import (
    AddressForm,
    EntryKind,
    ListContents,
    ListEntry,
    ListFilePart,
    ListState,
    ListVersion,
    QuarantinedRow,
    Rescreening,
)
from kyc.models.timeline import KycStep
from kyc.models.vault import Subject
from kyc.models.wallets import Wallet, WalletEnd, WalletProof

__all__ = [
    "AddressEntry",
    "AddressForm",
    "Attestation",
    "Authority",
    "AuthorityKey",
    "AwaitingAttestation",
    "CaseState",
    "DocumentKind",
    "EntryKind",
    "Finding",
    "Grade",
    "InfoRequest",
    "KeyState",
    "KycContent",
    "KycDecision",
    "KycDocument",
    "KycDocumentPage",
    "KycLookup",
    "KycMark",
    "KycNote",
    "KycRecord",
    "KycStep",
    "ListContents",
    "ListEntry",
    "ListFilePart",
    "ListState",
    "ListVersion",
    "Moment",
    "Node",
    "NodeOperator",
    "NoteKind",
    "OperatorStatus",
    "PersonsData",
    "ProviderAnswer",
    "ProviderKind",
    "QuarantinedRow",
    "Rescreening",
    "Risk",
    "ScreeningCase",
    "ScreeningEncounter",
    "Subject",
    "Wallet",
    "WalletEnd",
    "WalletProof",
]
