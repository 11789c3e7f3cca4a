"""What the desk knows of those it pays: one module per thing, all imported here for Django."""

from kyc.models.operators import Node, NodeOperator, OperatorStatus

__all__ = ["Node", "NodeOperator", "OperatorStatus"]
