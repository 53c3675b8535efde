"""The tables of the documents. Times are epoch milliseconds; documents are JSON without secrets, which lie sealed beside them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

#: The newest revision under migrations/versions.
HEAD = "0002"

metadata = MetaData()

#: deleted: NULL while it lives · deletion: what went together, the id of the resource that was deleted · sealed: place -> secret
resource = Table(
    "resource", metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("deleted", BigInteger),
    Column("deletion", Text),
    Index("resource_of_account", "account", "kind", "created", "id"),
    Index("resource_in_bin", "deleted"),
)  # fmt: skip

#: One row for each place of a document that names another resource.
reference = Table(
    "reference", metadata,
    Column("holder", Text, ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Index("reference_to", "account", "kind", "id"),
)  # fmt: skip

#: scopes: words with blanks between · only: JSON, kind -> ids, where the token is for these alone
token = Table(
    "token", metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("scopes", Text, nullable=False),
    Column("only", Text),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("ends", BigInteger),
    Column("revoked", BigInteger),
    Index("token_of_account", "account", "id"),
)  # fmt: skip

#: changes: JSON, [{"fieldPath", "oldValue", "newValue"}], secrets as stars
audit = Table(
    "audit", metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("changes", Text, nullable=False),
    Index("audit_of_account", "account", "at"),
    Index("audit_of_resource", "account", "resource", "at"),
)  # fmt: skip
