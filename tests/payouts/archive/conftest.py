"""The owner's hands, as the audit log's own tests have them."""

from tests.lucid_payments.audit.conftest import as_owner

__all__ = ["as_owner"]
