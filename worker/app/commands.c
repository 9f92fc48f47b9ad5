/* The table of commands. */
#include "app/command.h"
#include "stages/sample.h"

/* clang-format off */
/* An option: alone, with a text, with a whole number that is read and checked before the command runs. */
#define FLAG(n, x)              {.name = n, .text = x}
#define TEXT(n, a, x)           {.name = n, .argument = a, .text = x}
#define NUMBER(n, a, lo, hi, x) {.name = n, .argument = a, .least = lo, .most = hi, .text = x}

#define JSON        FLAG("json", "print JSON, for scripts")
#define TOPIC       TEXT("topic", "TOPIC", "only this topic")
#define PARTITION   NUMBER("partition", "NUMBER", 0, INT32_MAX, "only partitions of this number")
#define YES         FLAG("yes", "do it; without, it is only shown")
#define DROP_PARKED FLAG("drop-parked", "forget parked ranges: their events are not written")
#define FORCE       FLAG("force", "also of another group, slot map, key or identity")

/* Which dead letters. */
#define LETTERS                                                                                              \
    TEXT("reason", "NAME", "only those with this reason, such as wrong_type"),                               \
    TEXT("stream", "NAME", "only those of this stream"),                                                     \
    TEXT("since", "TIME", "only those that became dead letters at this time or later"),                      \
    TEXT("until", "TIME", "... or before this time: 2026-01-31T12:00:00Z, or seconds since 1970"),           \
    TEXT("at", "[TOPIC:]P:O", "only the event of this partition and offset of its source"),                  \
    NUMBER("limit", "N", 1, 1000000000, "no more than so many"),                                             \
    JSON
/* clang-format on */

#define OFFSETS_WRITE                                                                                        \
    "The workers must be stopped (75 while the group has members).  All partitions are changed, or, when "   \
    "one is\n"                                                                                               \
    "refused, none (65).  Parked ranges are kept, unless --drop-parked is given."

const mr_command mr_commands[] = {
    {"run",
     "",
     0,
     0,
     "the worker: events from Kafka to rows",
     "Consumes the configured topics and writes each event as one row to the shard that its key names.\n"
     "Offsets are committed only when rows are durable.  The log goes to stderr.\n\n"
     "SIGTERM and SIGINT drain, commit and exit 0 (75 when not everything became durable in\n"
     "shutdown.grace_s); a second one stops at once (143, 130).  SIGHUP reads secrets again.",
     true,
     {{0}},
     mr_cmd_run},
    {"check",
     "",
     0,
     0,
     "everything that can be known before running",
     "Checks the configuration, librdkafka's version, features and properties, brokers and topics, and for "
     "every shard\n"
     "login, TLS, sql_mode, durability settings, packet limit and each table against its stream.\n"
     "Exits 0 only if all is well; else with the most telling status: 78 configuration, 77 login or\n"
     "permission, 69 something does not answer.",
     true,
     {FLAG("offline", "check the file alone"), FLAG("strict", "warnings count as errors"), JSON},
     mr_cmd_check},
    {"explain",
     "",
     0,
     0,
     "record layouts, memory, slots and shards, the SQL that will run",
     "Shows what the worker would do with this configuration, without touching Kafka or a shard.",
     true,
     {JSON},
     mr_cmd_explain},
    {"ddl",
     "[STREAM]",
     0,
     1,
     "CREATE TABLE statements that fit the streams",
     "Prints the statement for the table of one stream, or of all.",
     true,
     {{0}},
     mr_cmd_ddl},
    {"route",
     "KEY...",
     0,
     100000,
     "hash, slot and shard of keys",
     "The hash is FNV-1a 64 of the key's bytes.  With --stdin the keys are its lines; --json prints one "
     "object a line "
     "then.\n\n"
     "--expect SHARD is for the keys of that shard's rows: it prints those that belong to another one (exit "
     "status 65), "
     "or says\n"
     "that there are none.  With --sql it prints them as statements that make the table millrace_moved (key, "
     "shard), "
     "for copying\n"
     "their rows; no key means an empty table.\n\n"
     "With --moved no configuration is needed but the two files: it prints which slots change their shard, "
     "and the "
     "SQL that\n"
     "lists the keys of a shard's rows.  All steps of adding a shard: docs/scale.md.",
     true,
     {FLAG("moved", "what a new slot map would move: route --moved OLD.json NEW.json"),
      FLAG("stdin", "keys from stdin, one a line"),
      FLAG("hex", "keys are written in hex digits, as HEX() of SQL does"),
      TEXT("expect", "SHARD", "which keys do not belong to this shard"),
      FLAG("sql", "with --expect: print them as SQL"), JSON},
     mr_cmd_route},
    {"locate",
     "KSUID...",
     1,
     100000,
     "topic, partition, offset and time that a row's identity names",
     "Takes the 27 characters of a KSUID, or its 40 hex digits (HEX(id) in SQL).  The topic is found among "
     "those of\n"
     "the configuration, when there is one.",
     true,
     {JSON},
     mr_cmd_locate},
    {"decode",
     "[STREAM]",
     0,
     1,
     "JSON lines from stdin to the rows they would become",
     "Reads one event a line and prints one JSON object a line: stream, shard, id and row.  An event that "
     "would become a\n"
     "dead letter is reported on stderr with its line number; the exit status is then 65.\n"
     "@offset is the line number from 0, @partition 0; an empty line is an empty value.",
     true,
     {NUMBER("timestamp", "MS", 0, INT64_C(253402300799999),
             "@timestamp of the events, milliseconds since 1970 (0)")},
     mr_cmd_decode},
    {"status",
     "[URL]",
     0,
     1,
     "what a running worker is doing: shards, what holds each partition's offset, totals",
     "URL is http://HOST[:PORT] or HOST[:PORT] (7780) of a worker's http.listen; without one the "
     "configuration says where\n"
     "the worker on this machine listens.  With --probe it is http.probe_listen (7781): /livez, or /readyz "
     "with --ready;\n"
     "the exit status is 0 when all is well, else 69.",
     true,
     {JSON, FLAG("watch", "a screen that is kept up to date; without a terminal a line now and then"),
      FLAG("probe", "a health check: whether the worker's threads turn"),
      FLAG("ready", "with --probe: whether it is ready")},
     mr_cmd_status},
    {"offsets show",
     "",
     0,
     0,
     "the group's committed offsets, with what is parked below them",
     "For each partition: committed offset, end, lag, and what the commit says: clean (nothing is written at "
     "or above\n"
     "it), dirty, other rules (another slot map, key or identity), foreign (another tool's), newer (a newer "
     "release's),\n"
     "broken, or none.  Parked ranges stand below their partition.",
     true,
     {JSON, TOPIC, PARTITION},
     mr_cmd_offsets_show},
    {"offsets export",
     "[FILE]",
     0,
     1,
     "the group's offsets and parked ranges as JSON",
     "Writes to stdout, or to FILE, which must not exist yet.",
     true,
     {TOPIC, PARTITION},
     mr_cmd_offsets_export},
    {"offsets import",
     "FILE",
     1,
     1,
     "write back what was exported (dry run unless --yes)",
     "Restores offsets with their metadata, byte for byte; but `clean` becomes `dirty` where rows above the "
     "offset may have\n"
     "been written since.  Partitions without an offset in the file keep theirs.\n\n" OFFSETS_WRITE,
     true,
     {TOPIC, PARTITION, YES, DROP_PARKED, FORCE, JSON},
     mr_cmd_offsets_import},
    {"offsets reset",
     "",
     0,
     0,
     "set the group's offsets (dry run unless --yes)",
     "Going back, events are read again, and each stays one row; going forward, they are never "
     "written.\n\n" OFFSETS_WRITE,
     true,
     {TEXT("to", "PLACE", "earliest, latest, a time (2026-01-31T12:00:00Z) or an offset"), TOPIC, PARTITION,
      YES, DROP_PARKED, FORCE, JSON},
     mr_cmd_offsets_reset},
    {"dlq list",
     "",
     0,
     0,
     "the dead letters: where each came from, when and why",
     "Reads the dead-letter topics of the configuration from their beginning to the end that they have now, "
     "and prints one\n"
     "line for each letter, with the coordinates of the event in its source topic; with --json one object a "
     "line.\n"
     "No group is joined and nothing is committed: a running worker is not disturbed.",
     true,
     {LETTERS},
     mr_cmd_dlq_list},
    {"dlq show",
     "[TOPIC:]PARTITION:OFFSET",
     1,
     1,
     "one dead letter in full: reason, headers, key and value",
     "Partition and offset are those of the event in its source topic, as `millrace dlq list` prints them; "
     "the topic may be\n"
     "left out when there is only one.  Bytes that are no text are printed as \\xNN.  Exit status 65: there "
     "is no such letter.",
     true,
     {FLAG("value", "print the value alone, byte for byte"), JSON},
     mr_cmd_dlq_show},
    {"dlq replay",
     "",
     0,
     0,
     "send chosen dead letters back (a dry run unless --yes)",
     "Sends the original key, value and headers to dlq.replay_topic, a topic of its own that the group's "
     "workers read.  The header\n"
     "millrace.origin goes with it and names the event that it was: sent twice it is one row.\n\n"
     "With --to-source the letters go to the topic and partition that they came from.  Every other consumer "
     "sees them again,\n"
     "and each time is an event of its own: with a KSUID as identity, sent twice it is two rows.\n\n"
     "Mend first what made it a dead letter; else it becomes one again.  Exit status 65: some letters cannot "
     "be sent, because\n"
     "they were too large for the dead-letter topic, or the log had dropped the event before it could be "
     "read "
     "for its letter.",
     true,
     {LETTERS, FLAG("yes", "send; without it only say what would be sent"),
      FLAG("to-source", "to the source topic, not to dlq.replay_topic")},
     mr_cmd_dlq_replay},
    {"config",
     "",
     0,
     0,
     "the effective configuration, and what every key means",
     "Without an option prints the configuration with defaults filled in and secrets masked.\n\n"
     "--starter writes a first configuration to stdout: an example, or with --topic a proposal made from the "
     "youngest events\n"
     "of that topic, with columns, types, lengths and a key.  They are read without a group, and nothing is "
     "committed.  How\n"
     "the brokers are reached says --brokers, or the \"kafka\" of the configuration (-c), where TLS and SASL "
     "are needed.",
     true,
     {FLAG("reference", "document every key"), FLAG("markdown", "with --reference: as Markdown"),
      FLAG("schema", "print a JSON Schema"), FLAG("starter", "write a first configuration to stdout"),
      TEXT("topic", "TOPIC", "with --starter: propose it from events of this topic"),
      TEXT("brokers", "ADDRESSES", "with --topic: brokers to begin with, host:port, separated by commas"),
      NUMBER("sample", "N", 1, MR_SAMPLE_MAX,
             "with --topic: how many events are looked at, 1 to 10000 (500)")},
     mr_cmd_config},
    {"manual",
     "1|5|markdown",
     1,
     1,
     "manual pages, made from the program's own tables",
     "1 is millrace(1), 5 for millrace.json(5), both for man(1); or markdown for all commands as "
     "one "
     "page.",
     false,
     {{0}},
     mr_cmd_manual},
    {"completion",
     "bash|zsh",
     1,
     1,
     "completion of commands and options for a shell",
     "For bash: source <(millrace completion bash).",
     false,
     {{0}},
     mr_cmd_completion},
    {"version", "", 0, 0, "version, build and libraries", "", false, {JSON}, mr_cmd_version},
    {.name = NULL},
};
