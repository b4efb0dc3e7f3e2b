"""Files that are uploaded as evidence: what is in them is not kept, only what can be said of them."""

from .errors import Json, invalid
from .ids import new_id
from .state import Call, Sandbox
from .store import PRIVATE

MOST_BYTES = 5 * 1024 * 1024
TYPES = {b"%PDF-": "pdf", b"\x89PNG\r": "png", b"\xff\xd8\xff\xe0": "jpg"}


def create(box: Sandbox, call: Call) -> Json:
    params = call.params
    params.only("file", "purpose")
    purpose = params.choice("purpose", ("dispute_evidence",), "")
    given = params.mapping("file")
    if not given:
        raise invalid("Missing required param: file.", param="file", code="parameter_missing")
    size = int(given["size"])
    kind = _type(bytes.fromhex(given["magic"]))
    if size > MOST_BYTES:
        raise invalid("The file is too large: at most 5 MB.", param="file", code="file_too_large")
    identifier = new_id("file")
    file: Json = {
        "id": identifier,
        "object": "file",
        "created": box.now,
        "expires_at": None,
        "filename": given["filename"],
        "links": {"object": "list", "data": [], "has_more": False, "url": f"/v1/file_links?file={identifier}"},
        "purpose": purpose,
        "size": size,
        "title": None,
        "type": kind,
        "url": f"{box.config.public_url}/v1/files/{identifier}/contents",
        PRIVATE: {"sha256": given["sha256"]},
    }
    return box.store.put(file)


def retrieve(box: Sandbox, call: Call) -> Json:
    return box.store.get("file", call.id)


def _type(magic: bytes) -> str:
    for start, kind in TYPES.items():
        if magic.startswith(start[:3]):
            return kind
    raise invalid("The file must be a PDF, PNG or JPEG.", param="file")
