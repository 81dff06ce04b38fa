"""The names behind the read-only port's guard. Everything not here is refused."""

CATEGORIES = frozenset({
    "Aggregate Functions", "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison", "Conditional",
    "Dates and Times", "Distance", "Encoding", "Financial", "Geo", "Geo Polygon", "Hash",
    "IP Address", "JSON", "Logical", "Map", "Mathematical", "Null", "NumericIndexedVector",
    "Random Number", "Rounding", "String", "String Replacement", "String Search",
    "String Splitting", "Time Window", "Tuple", "Type Conversion", "URL", "UUID",
})  # fmt: skip
"""Categories of `system.functions` whose functions only compute. Left out: AI (asks models over
the network), Dictionary and Embedded Dictionary, Machine Learning (reads model files),
Introspection, Internal, Encryption, Time Series; and Other, which has `file` in it."""

FUNCTIONS = frozenset({
    "bar", "blockNumber", "byteSize", "caseWithExpression", "countDigits", "currentDatabase",
    "currentUser", "defaultValueOfArgumentType", "defaultValueOfTypeName", "displayName",
    "finalizeAggregation", "formatQuery", "formatQueryOrNull", "formatQuerySingleLine",
    "formatReadableDecimalSize", "formatReadableQuantity", "formatReadableSize",
    "formatReadableTimeDelta", "getSetting", "getSubcolumn", "hostName", "identity", "ignore",
    "indexHint", "isConstant", "isDecimalOverflow", "lowCardinalityIndices", "lowCardinalityKeys",
    "materialize", "neighbor", "normalizeQuery", "normalizedQueryHash", "parseISO8601Duration",
    "parseReadableSize", "parseReadableSizeOrNull", "parseReadableSizeOrZero", "parseTimeDelta",
    "queryID", "rowNumberInAllBlocks", "rowNumberInBlock", "runningAccumulate",
    "runningDifference", "throwIf", "toColumnTypeName", "toTypeName", "transform", "uptime",
    "variantElement", "variantType", "version", "visibleWidth",
})  # fmt: skip
"""Of the categories Other and Internal, one by one."""

REFUSED = frozenset({"flameGraph", "aggThrow", "chdb", "estimateCompressionRatio"})
"""In an allowed category, but no business of an analyst."""

SYNTAX = frozenset({"lambda", "exists", "grouping", "nullIn", "interval"})
"""Functions the parser makes of syntax."""

IN_FUNCTIONS = frozenset(
    f"{scope}{negation}{nulls}in{suffix}"
    for scope in ("", "global")
    for negation in ("", "not")
    for nulls in ("", "null")
    for suffix in ("", "ignoreset")
)
"""In lower case. Their second argument may be a table."""

TABLE_FUNCTIONS = frozenset({
    "numbers", "numbers_mt", "zeros", "zeros_mt", "values", "view", "null", "generaterandom",
    "generateseries", "generate_series", "primes", "format",
})  # fmt: skip
"""In lower case. They make rows of their arguments alone."""

SYSTEM_TABLES = frozenset({
    "one", "numbers", "numbers_mt", "zeros", "zeros_mt", "databases", "tables", "columns",
    "functions", "table_functions", "table_engines", "data_type_families", "formats", "keywords",
    "settings", "time_zones", "build_options", "collations", "contributors", "licenses",
    "aggregate_function_combinators", "completions",
})  # fmt: skip
"""What drivers and editors read to know the server. Nothing that shows other queries, paths of
data, stacks or symbols."""

NODES = frozenset({
    "ArrayJoin", "Asterisk", "ColumnsApplyTransformer", "ColumnsExceptTransformer",
    "ColumnsListMatcher", "ColumnsRegexpMatcher", "ColumnsReplaceTransformer",
    "ColumnsReplaceTransformerReplacement", "ColumnsTransformerList", "DataType", "ExplainQuery",
    "ExpressionList", "Function", "Identifier", "InterpolateElement", "Literal", "NameTypePair",
    "OrderByElement", "QualifiedAsterisk", "QualifiedColumnsListMatcher",
    "QualifiedColumnsRegexpMatcher", "QueryParameter", "SampleRatio", "SelectIntersectExceptQuery",
    "SelectQuery", "SelectWithUnionQuery", "ShowColumnsQuery", "ShowIndexesQuery",
    "ShowTablesQuery", "Subquery", "TableExpression", "TableIdentifier", "TableJoin",
    "TablesInSelectQuery", "TablesInSelectQueryElement", "WindowDefinition", "WindowListElement",
    "WithElement",
})  # fmt: skip
"""Nodes of the engine's syntax tree that read. Not among them: SetQuery, so a query's own
SETTINGS clause is refused wherever it stands."""

SETTINGS = frozenset({
    "date_time_output_format", "extremes", "join_use_nulls", "max_block_size",
    "output_format_json_quote_64bit_integers", "output_format_json_quote_64bit_floats",
    "output_format_json_quote_denormals", "output_format_json_quote_decimals",
    "output_format_json_named_tuples_as_objects", "output_format_arrow_string_as_string",
    "output_format_arrow_compression_method", "output_format_parquet_string_as_string",
    "output_format_parquet_compression_method", "output_format_csv_crlf_end_of_line",
    "output_format_tsv_crlf_end_of_line", "output_format_pretty_max_rows",
    "output_format_pretty_color", "output_format_pretty_row_numbers",
    "output_format_native_write_json_as_string", "output_format_binary_write_json_as_string",
    "output_format_decimal_trailing_zeros", "result_overflow_mode", "session_timezone",
    "prefer_column_name_to_alias", "group_by_use_nulls", "log_comment",
    # Drivers send these with every request; they change nothing here.
    "cast_string_to_dynamic_use_inference", "date_time_input_format", "async_insert",
    "wait_for_async_insert", "cancel_http_readonly_queries_on_client_close",
    "enable_http_compression", "http_zlib_compression_level", "send_progress_in_http_headers",
    "http_headers_progress_interval_ms", "http_write_exception_in_output_format",
    "http_response_buffer_size", "add_http_cors_header", "use_uncompressed_cache",
})  # fmt: skip
"""Settings that a request may bring in its address: how results look. None of them names a file
(as `format_schema` or `format_template_row` do)."""

LIMITS = frozenset({
    "max_execution_time", "max_memory_usage", "max_result_rows", "max_result_bytes", "max_threads",
})  # fmt: skip
"""Settings that a request may lower."""
