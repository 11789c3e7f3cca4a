"""Why a file isn't taken: a closed list, whose words are for the person who sent it."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "empty": "The file is empty.",
    "too_large": "The file is too large.",
    "not_a_document": "Only PDF, JPEG and PNG are taken, by content and whatever the file's name.",
    "program": "This is a program, whatever its name says.",
    "archive": "This is an archive or an office document: save it as PDF.",
    "web_page": "This is a web page or script: save it as PDF.",
    "other_picture": "This kind of picture isn't taken: save it as JPEG or PNG.",
    "two_formats": "The file is two things at once, a document and something else. Save it anew.",
    "something_after": "Something follows the end of the document in this file. Save it anew.",
    "damaged": "The file is damaged, or ends too early.",
    "too_many_pixels": "The picture is too large: scale it down.",
    "too_small": "The picture is too small to be read.",
    "animated": "The picture is animated: send a plain one.",
    "too_many_pages": "The document has too many pages.",
    "no_pages": "The document has no pages.",
    "encrypted": "The document is protected by a password or by rights: save it without.",
    "javascript": "The document holds a script: print it to PDF anew.",
    "launch": "The document would start programs or open other files: print it to PDF anew.",
    "embedded_files": "The document has other files inside: send them one by one.",
    "active_form": "The document is an active form (XFA): print it to PDF.",
    "multimedia": "The document holds sound, film or 3D: print it to PDF anew.",
    "too_complex": "The document is too complex to be shown in the time that it may take.",
}


class DocumentRefused(Exception):
    """The file isn't taken; nothing of it is kept. `code` is one of WORDS."""

    def __init__(self, code: str) -> None:
        """Raises KeyError for a code that isn't one."""
        super().__init__(WORDS[code])
        self.code = code
