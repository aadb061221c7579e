"""Queries of one collection: conditions, order, bounds, and the fields to read."""

from collections.abc import Sequence
from typing import Any

from google.cloud.firestore_v1.types import StructuredQuery

from shared.store.rpc import RunAggregationQueryRequest, RunQueryRequest
from shared.store.values import Value, encode

_Operator = StructuredQuery.FieldFilter.Operator
EQUAL = _Operator.EQUAL.value
GREATER_THAN = _Operator.GREATER_THAN.value
AT_LEAST = _Operator.GREATER_THAN_OR_EQUAL.value
AT_MOST = _Operator.LESS_THAN_OR_EQUAL.value
_IN = _Operator.IN.value
_AND = StructuredQuery.CompositeFilter.Operator.AND.value
_OR = StructuredQuery.CompositeFilter.Operator.OR.value


class Query:
    """A query of the documents under `root`. Each method adds to it and returns it."""

    def __init__(self, root: str, collection: str) -> None:
        self._collection = f"{root}/{collection}"
        self.request: Any = RunQueryRequest(parent=root)
        self._query = self.request.structured_query
        self._query.from_.add().collection_id = collection

    def where(self, field: str, operator: int, value: Value) -> "Query":
        """Documents of which a field compares with a value."""
        condition = self._query.where.field_filter
        condition.field.field_path = field
        condition.op = operator
        encode(condition.value, value)
        return self

    def where_in(self, field: str, values: Sequence[str]) -> "Query":
        """Documents of which a text field has one of at most 30 values."""
        condition = self._query.where.field_filter
        condition.field.field_path = field
        condition.op = _IN
        for value in values:
            condition.value.array_value.values.add().string_value = value
        return self

    def where_between(self, field: str, low: str, high: str) -> "Query":
        """Documents of which a text field is between two values, both included."""
        _between(self._query.where.composite_filter, field, low, high)
        return self

    def where_in_ranges(self, field: str, ranges: Sequence[tuple[str, str]]) -> "Query":
        """Documents of which a text field is in one of at most 30 ranges, both ends included."""
        any_of = self._query.where.composite_filter
        any_of.op = _OR
        for low, high in ranges:
            _between(any_of.filters.add().composite_filter, field, low, high)
        return self

    def by_id(self, *, from_id: str | None, after_id: str | None, before_id: str | None) -> "Query":
        """In document id order, from one id, or after another, to before a third."""
        self._query.order_by.add().field.field_path = "__name__"
        start = from_id if after_id is None else after_id
        if start is not None:
            self._query.start_at.values.add().reference_value = f"{self._collection}/{start}"
            self._query.start_at.before = after_id is None
        if before_id is not None:
            self._query.end_at.values.add().reference_value = f"{self._collection}/{before_id}"
            self._query.end_at.before = True
        return self

    def by_field(self, field: str, after: tuple[Value, str] | None) -> "Query":
        """By a field, then by id, after a value and an id."""
        self._query.order_by.add().field.field_path = field
        self._query.order_by.add().field.field_path = "__name__"
        if after is not None:
            encode(self._query.start_at.values.add(), after[0])
            self._query.start_at.values.add().reference_value = f"{self._collection}/{after[1]}"
        return self

    def select(self, fields: Sequence[str]) -> "Query":
        """Only these fields; none named means all."""
        for field in fields:
            self._query.select.fields.add().field_path = field
        return self

    def limit(self, limit: int) -> "Query":
        """At most so many documents."""
        self._query.limit.value = limit
        return self

    def counting(self, at_most: int | None) -> Any:
        """The request for the number of documents, up to `at_most`, under the name `n`."""
        request = RunAggregationQueryRequest(parent=self.request.parent)
        request.structured_aggregation_query.structured_query.CopyFrom(self._query)
        aggregation = request.structured_aggregation_query.aggregations.add()
        aggregation.alias = "n"
        aggregation.count.SetInParent()
        if at_most is not None:
            aggregation.count.up_to.value = at_most
        return request


def _between(both: Any, field: str, low: str, high: str) -> None:
    """Fill a composite filter: a text field is between two values, both included."""
    both.op = _AND
    for operator, bound in ((AT_LEAST, low), (AT_MOST, high)):
        condition = both.filters.add().field_filter
        condition.field.field_path = field
        condition.op = operator
        condition.value.string_value = bound
