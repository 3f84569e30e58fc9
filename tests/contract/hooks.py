"""Every request gets a key of its own: the same key with other content is refused, as it should be.

What becomes of a key that is used twice is tested in server/tests/api.
"""

import re
import uuid

import schemathesis

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers or {}
    if re.fullmatch(r"[!-~]{1,64}", str(headers.get(KEY, ""))):
        case.headers[KEY] = uuid.uuid4().hex
