"""Every component and field of the language, and what becomes of it here: data, read by the compiler and by the compatibility page.

used      compiled · differs: used, with a meaning that is not Airbyte's to the letter
ignored   has no effect, in Airbyte neither or for a reason: told as a warning
refused   would change what is read: told as a fault
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    used: tuple[str, ...] = ()
    differs: dict[str, str] = {}
    ignored: dict[str, str] = {}
    refused: dict[str, str] = {}
    extends: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.used, *self.ignored, *self.refused)


_LATER = "not supported"
_ASYNC = "has no effect on an asynchronous stream"

_SOURCE = Known(
    ("type", "version", "check", "streams", "spec", "definitions", "schemas", "metadata", "description",
     "max_concurrent_async_job_count", "api_budget"),
    differs={
        "max_concurrent_async_job_count": "a template sees the real config, not an empty one",
        "api_budget": "the policy of a request is chosen when the manifest is read, by method and URL",
    },
    ignored={
        "concurrency_level": "the engine reads and waits with its own limits",
        "stream_groups": "streams are not kept apart; limit the requests with api_budget",
    },
    refused={"dynamic_streams": "streams made from a template are not supported: write them out"},
)  # fmt: skip
_REQUESTER = Known(
    ("url", "url_base", "path", "http_method", "authenticator", "request_parameters", "request_headers", "request_body_data",
     "request_body_json", "request_body", "request_options_provider", "error_handler"),
    differs={
        "http_method": "any method",
        "request_body_data": "a text that reads as a mapping is sent as it stands, not as a form",
        "error_handler": "Retry-After is obeyed also where no strategy names it",
    },
    ignored={"use_cache": "a parent stream is read once a run", "name": "requests are named by their step"},
    refused={
        "query_properties": "lists of properties are not supported: write them into request_parameters",
        "fetch_properties_from_endpoint": "lists of properties are not supported: write them into request_parameters",
    },
    extends=True,
)  # fmt: skip
_ASYNC_RETRIEVER = Known(
    ("record_selector", "status_mapping", "status_extractor", "creation_requester", "polling_requester", "download_requester",
     "download_target_extractor", "download_extractor", "download_target_requester", "download_paginator", "abort_requester",
     "delete_requester", "polling_job_timeout", "failed_retry_wait_time_in_seconds", "partition_router", "decoder", "download_decoder"),
    differs={
        "status_extractor": "reads what `decoder` yields",
        "creation_requester": "an answer that may be lost is in doubt: see docs/x-jobstream.md; creation_response is what `decoder` yields",
        "download_target_requester": "sees creation_response and the slice too",
        "download_requester": "a link that has expired is asked for again; a broken download goes on where it broke",
        "download_extractor": "absent: the path of record_selector.extractor selects",
        "download_target_extractor": "the list is checked: a target is not lost when links are renewed",
        "polling_job_timeout": "a completed job that is read late is completed; 60 in a test too",
    },
    ignored={
        "paginator": _ASYNC + ": download_paginator has",
        "requester": _ASYNC + ": the requesters of each step have",
        "name": "the stream has the name",
    },
    extends=True,
)  # fmt: skip
_CURSOR = Known(
    ("cursor_field", "datetime_format", "start_datetime", "end_datetime", "cursor_datetime_formats", "cursor_granularity", "step",
     "lookback_window", "start_time_option", "end_time_option", "partition_field_start", "partition_field_end", "is_compare_strictly"),
    differs={"step": "alone it is enough; the granularity is then one second"},
    ignored={
        "is_data_feed": "windows are read whole",
        "is_client_side_incremental": "records outside the window are delivered too",
        "global_substream_cursor": "each partition has its own cursor",
        "allow_catalog_defined_cursor_field": "the manifest's field is used",
    },
    refused={"clamping": "windows are not clamped to days, weeks or months: choose start and step"},
)  # fmt: skip
_OAUTH = Known(
    ("client_id_name", "client_id", "client_secret_name", "client_secret", "refresh_token_name", "refresh_token",
     "token_refresh_endpoint", "access_token_name", "access_token_value", "expires_in_name", "grant_type_name", "grant_type",
     "refresh_request_body", "refresh_request_headers", "send_refresh_request_as_query_params", "scopes", "refresh_token_updater",
     "token_expiry_date", "token_expiry_date_format", "refresh_token_error_status_codes", "refresh_token_error_key",
     "refresh_token_error_values"),
    differs={"refresh_token_updater": "a rotated token is kept sealed with the source, not written into the config"},
    refused={"use_profile_assertion": "signed assertions are not supported", "profile_assertion": "signed assertions are not supported"},
)  # fmt: skip

KNOWN: dict[str, Known] = {
    "DeclarativeSource": _SOURCE,
    "CheckStream": Known(
        ("stream_names",),
        refused={"config_overrides": _LATER},
        ignored={"dynamic_streams_check_configs": "there are no dynamic streams"},
    ),
    "CheckDynamicStream": Known(
        ("stream_count",), ignored={"use_check_availability": "streams are read", "config_overrides": _LATER}
    ),
    "Spec": Known(
        ("connection_specification", "documentation_url", "advanced_auth"),
        differs={"connection_specification": "its defaults are laid under the config"},
        refused={
            "config_normalization_rules": "the config is taken as it is: migrations, transformations and validations are not supported"
        },
    ),
    "DeclarativeStream": Known(
        ("name", "retriever", "incremental_sync", "primary_key", "schema_loader", "transformations"),
        ignored={"state_migrations": "an old state is not migrated"},
        refused={"file_uploader": "files beside records are not supported"},
    ),
    "AsyncRetriever": _ASYNC_RETRIEVER,
    "AsyncJobStatusMap": Known(("running", "completed", "failed", "timeout", "skipped")),
    "SimpleRetriever": Known(
        ("requester", "record_selector", "paginator", "partition_router", "decoder"),
        ignored={
            "name": "the stream has the name",
            "primary_key": "the stream has the key",
            "ignore_stream_slicer_parameters_on_paginated_requests": "they are sent with every page",
        },
        refused={"pagination_reset": _LATER},
        extends=True,
    ),
    "HttpRequester": _REQUESTER,
    "InterpolatedRequestOptionsProvider": Known(
        ("request_parameters", "request_headers", "request_body_data", "request_body_json", "request_body")
    ),
    "RequestBodyPlainText": Known(("value",)),
    "RequestBodyUrlEncodedForm": Known(("value",)),
    "RequestBodyJsonObject": Known(("value",)),
    "RequestBodyGraphQL": Known(("value",)),
    "RequestBodyGraphQlQuery": Known(("value",)),
    "RequestOption": Known(("inject_into", "field_name", "field_path")),
    "RequestPath": Known(),
    "NoAuth": Known(),
    "ApiKeyAuthenticator": Known(("api_token", "header", "inject_into")),
    "BearerAuthenticator": Known(("api_token",)),
    "BasicHttpAuthenticator": Known(("username", "password")),
    "OAuthAuthenticator": _OAUTH,
    "SelectiveAuthenticator": Known(("authenticator_selection_path", "authenticators")),
    "DefaultErrorHandler": Known(
        ("response_filters", "backoff_strategies", "max_retries"),
        ignored={"max_time": "retries are bounded by their number", "error_handlers": "CompositeErrorHandler has them"},
    ),
    "CompositeErrorHandler": Known(
        ("error_handlers",),
        ignored={"backoff_strategies": "the handlers inside have them", "max_retries": "the first handler inside has it"},
    ),
    "HttpResponseFilter": Known(
        ("action", "failure_type", "error_message", "error_message_contains", "http_codes", "predicate"),
        differs={
            "error_message_contains": "looked for in the whole body of an answer of 400 and above",
            "action": "IGNORE on an answer of 400 and above ends the job without data",
        },
    ),
    "ConstantBackoffStrategy": Known(("backoff_time_in_seconds", "jitter_range_in_seconds")),
    "ExponentialBackoffStrategy": Known(("factor", "jitter_range_in_seconds")),
    "WaitTimeFromHeader": Known(
        ("header", "regex", "max_waiting_time_in_seconds"),
        differs={"max_waiting_time_in_seconds": "a longer wait is cut to it; dates are understood"},
    ),
    "WaitUntilTimeFromHeader": Known(
        ("header", "min_wait", "regex", "max_waiting_time_in_seconds"),
        differs={"max_waiting_time_in_seconds": "a longer wait is cut to it"},
    ),
    "HTTPAPIBudget": Known(
        ("policies",),
        ignored={
            "ratelimit_reset_header": "the number of requests is counted here",
            "ratelimit_remaining_header": "the number of requests is counted here",
            "status_codes_for_ratelimit_hit": "429 and RATE_LIMITED slow the requests down",
        },
    ),
    "FixedWindowCallRatePolicy": Known(("period", "call_limit", "matchers")),
    "MovingWindowCallRatePolicy": Known(("rates", "matchers"), differs={"rates": "the one with the lowest rate is kept"}),
    "UnlimitedCallRatePolicy": Known(("matchers",)),
    "Rate": Known(("limit", "interval")),
    "HttpRequestRegexMatcher": Known(
        ("method", "url_base", "url_path_pattern"),
        ignored={"weight": "every request counts as one"},
        refused={"params": "a request is matched by method and URL", "headers": "a request is matched by method and URL"},
    ),
    "JsonDecoder": Known(),
    "JsonlDecoder": Known(),
    "CsvDecoder": Known(("encoding", "delimiter", "set_values_to_none")),
    "XmlDecoder": Known(),
    "GzipDecoder": Known(("decoder",)),
    "ZipfileDecoder": Known(("decoder",)),
    "CompositeRawDecoder": Known(("parser",)),
    "GzipParser": Known(("inner_parser",)),
    "JsonParser": Known(("encoding",)),
    "JsonLineParser": Known(("encoding",)),
    "CsvParser": Known(("encoding", "delimiter", "set_values_to_none")),
    "ResponseToFileExtractor": Known(
        ("preserve_na_values",),
        differs={
            "preserve_na_values": "the reader is the CSV reader of every other stream: all gzip members, NUL bytes kept, rows too long told"
        },
    ),
    "DpathExtractor": Known(
        ("field_path",), ignored={"decoder": "the retriever has it"}, refused={"record_expander": "records are not unfolded"}
    ),
    "RecordSelector": Known(
        ("extractor", "record_filter", "schema_normalization", "transform_before_filtering"),
    ),
    "RecordFilter": Known(("condition",), differs={"condition": "absent or empty: every record is kept"}),
    "AddFields": Known(("fields", "condition")),
    "AddedFieldDefinition": Known(("path", "value", "value_type")),
    "RemoveFields": Known(("field_pointers", "condition")),
    "KeysToLower": Known(),
    "KeysToSnakeCase": Known(),
    "KeysReplace": Known(("old", "new")),
    "FlattenFields": Known(("flatten_lists",)),
    "InlineSchemaLoader": Known(("schema",)),
    "NoPagination": Known(),
    "DefaultPaginator": Known(
        ("pagination_strategy", "page_size_option", "page_token_option"),
        ignored={"decoder": "the retriever has it", "url_base": "the requester has it"},
    ),
    "OffsetIncrement": Known(("page_size", "inject_on_first_request")),
    "PageIncrement": Known(("page_size", "start_from_page", "inject_on_first_request")),
    "CursorPagination": Known(("cursor_value", "page_size", "stop_condition"), ignored={"decoder": "the retriever has it"}),
    "ListPartitionRouter": Known(("values", "cursor_field", "request_option")),
    "SubstreamPartitionRouter": Known(("parent_stream_configs",)),
    "ParentStreamConfig": Known(
        ("stream", "parent_key", "partition_field", "request_option", "extra_fields"),
        ignored={"incremental_dependency": "the parent is read whole", "lazy_read_pointer": "the child is always asked for"},
    ),
    "DatetimeBasedCursor": _CURSOR,
    "MinMaxDatetime": Known(("datetime", "datetime_format", "min_datetime", "max_datetime")),
}

#: Components that the compiler does not take, and why.
REFUSED: dict[str, str] = {
    "DynamicDeclarativeStream": "streams made from a template are not supported: write them out",
    "StateDelegatingStream": "write the incremental stream alone",
    "ConditionalStreams": "write the streams out",
    "HttpComponentsResolver": _LATER, "ConfigComponentsResolver": _LATER, "ParametrizedComponentsResolver": _LATER,
    "JsonFileSchemaLoader": "a schema in another file is not read: put it into an InlineSchemaLoader",
    "DynamicSchemaLoader": "a schema from the API is not read: put one into an InlineSchemaLoader",
    "JwtAuthenticator": "signed tokens are not supported", "SessionTokenAuthenticator": "logging in is not supported",
    "LegacySessionTokenAuthenticator": "logging in is not supported", "RateLimitedMultipleTokenAuthenticator": _LATER,
    "DpathFlattenFields": "take AddFields for the fields that are needed, or FlattenFields",
    "IterableDecoder": "lines that are no JSON are not read",
    "JsonItemsDecoder": "take JsonDecoder and a DpathExtractor: arrays are read as a stream",
    "GroupingPartitionRouter": _LATER, "UnionPartitionRouter": _LATER, "IncrementingCountCursor": _LATER,
    "QueryProperties": "lists of properties are not supported: write them out", "PropertiesFromEndpoint": _LATER,
    "FileUploader": "files beside records are not supported", "RecordExpander": "records are not unfolded",
    "LegacyToPerPartitionStateMigration": "an old state is not migrated", "PaginationReset": _LATER,
    "ConfigMigration": _LATER, "ConfigRemapField": _LATER, "ConfigAddFields": _LATER, "ConfigRemoveFields": _LATER,
    "DpathValidator": _LATER, "PredicateValidator": _LATER, "ValidateAdheresToSchema": _LATER,
}  # fmt: skip
