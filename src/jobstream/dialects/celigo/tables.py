"""What Celigo's resources say by saying nothing, and the words of their templates."""

from __future__ import annotations

from jobstream.plan.exchange import Rule, Verdict, When
from jobstream.plan.retrieval import Status


def rule(then: Verdict, *codes: str) -> Rule:
    return Rule(then=then, when=When(codes=codes))


DEFAULT_RULES = (rule("accept", "200-399"), rule("halt", "401", "403"), rule("throttled", "429"), rule("stop", "4xx"),
                 rule("retry", "5xx", "unsent", "lost"))  # fmt: skip
#: Behind the rules of a submit: after these nobody knows whether there is a job.
DOUBT = (rule("doubt", "5xx", "lost"),)

#: Words that stand for the same in every document. `record`, `data` and `status` follow from the resources.
NAMES = {
    "submit": "created.body", "settings": "config.settings", "export": "config.export", "lastExportDateTime": "config.lastExportDateTime",
    "currentExportDateTime": "now", "export.http.paging.page": "page.token", "export.http.paging.skip": "page.token",
    "export.http.paging.token": "page.token", "previous_page.full_response": "answer.body", "previous_page.headers": "answer.headers",
    "previous_page.last_record": "last_record",
}  # fmt: skip

#: A value in several lists is what the later of them says (reading C9).
LISTS: tuple[tuple[str, Status], ...] = (("inProgressValues", "running"), ("doneValues", "completed"),
                                         ("doneWithoutDataValues", "skipped"), ("errorValues", "failed"))  # fmt: skip
MEDIA = {"json": "application/json", "xml": "application/xml", "urlencoded": "application/x-www-form-urlencoded", "plaintext": "text/plain",
         "csv": "text/csv"}  # fmt: skip

#: Fields that mean something here, those that are nothing for a run, and by their absence those that are told.
CONNECTION = frozenset((
    "baseURI", "mediaType", "successMediaType", "errorMediaType", "headers", "auth", "rateLimit", "retryHeader", "concurrencyLevel",
    "encrypted", "unencrypted", "encryptedFields", "unencryptedFields", "ping"))  # fmt: skip
EXPORT = frozenset((
    "method", "relativeURI", "headers", "body", "requestMediaType", "successMediaType", "errorMediaType", "_asyncHelperId", "paging",
    "response", "formType"))  # fmt: skip
RESPONSE = frozenset((
    "resourcePath", "successPath", "successValues", "failPath", "failValues", "errorPath", "resourceIdPath", "allowArrayforSuccessPath"))  # fmt: skip
PAGING = frozenset((
    "method", "page", "skip", "token", "path", "pathLocation", "pathAfterFirstRequest", "relativeURI", "body", "linkHeaderRelation",
    "lastPageStatusCode", "lastPagePath", "lastPageValues"))  # fmt: skip
