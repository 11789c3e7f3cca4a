"""What can go wrong between us and a TRON node, as error classes with a code and a plain sentence.

No message carries a URL or a header: both may hold an API key.
"""

from __future__ import annotations


class NodeError(Exception):
    """A node gave no usable answer; asking again, or another node, can help. `code` is for machines."""

    def __init__(self, code: str, sentence: str, node: str = "") -> None:
        super().__init__(code, sentence, node)
        self.code = code
        self.sentence = sentence
        self.node = node

    def __str__(self) -> str:
        return f"{self.node}: {self.sentence}" if self.node else self.sentence


class NodeUnavailable(NodeError):
    """No answer, or one that says "not now". Says nothing about what the node did with the request."""


class NodeTimeout(NodeUnavailable):
    """The node took longer than its time-out; it may still have acted on the request."""


class NodeUnreachable(NodeUnavailable):
    """No connection, or it was cut."""


class NodeBusy(NodeUnavailable):
    """The node or its gateway limits our rate (429, 503, "lack of computing resources")."""


class NodeForbidden(NodeUnavailable):
    """The gateway refuses us (401, 403): a wrong or suspended API key."""


class NodeServerError(NodeUnavailable):
    """Any other HTTP status that isn't 200."""


class NodeReportedError(NodeError):
    """The node answered in form, but with an error of its own (`{"Error": …}` or a result code)."""


class BadAnswer(NodeError):
    """The answer isn't what the endpoint gives: wrong type, out of bounds, or contradicting itself or us."""


class NoUsableNode(NodeError):
    """Every node is quarantined, lagging or failing."""


class QuarantinedNode(NodeUnavailable):
    """The node was caught lying and isn't asked."""
