# events.sh: the events of segment.h as a table and as a stream of the configuration; sourced.
#
# The table is written down here, not made by `millrace ddl`: it is the tests' own idea of it.
# shellcheck shell=bash disable=SC2034

event_columns='id BINARY(20) NOT NULL PRIMARY KEY, type VARCHAR(16) NOT NULL, user_id VARCHAR(64), total DECIMAL(12,2),
  occurred_at DATETIME(6), properties TEXT, kafka_offset BIGINT, message_id VARCHAR(64)'

event_stream() { # topic
    cat <<JSON
{
    "name": "events", "topic": "$1", "table": "events", "key": ["userId", "anonymousId"],
    "id": { "column": "id", "from": "ksuid" },
    "columns": [
      { "name": "type",         "from": "type",             "type": "string",  "max_bytes": 16, "required": true },
      { "name": "user_id",      "from": "userId",           "type": "string",  "max_bytes": 64 },
      { "name": "total",        "from": "properties.total", "type": "decimal", "precision": 12, "scale": 2 },
      { "name": "occurred_at",  "from": "timestamp",        "type": "datetime" },
      { "name": "properties",   "from": "properties",       "type": "json",    "max_bytes": 1024 },
      { "name": "kafka_offset", "from": "@offset",          "type": "int64" },
      { "name": "message_id",   "from": "messageId",        "type": "string",  "max_bytes": 64 }
    ]
  }
JSON
}
