/* record.h: the fixed-size struct that an event becomes.
 *
 * One layout per stream, computed at start.  A record is position-independent: it holds no pointer, and it
 * is bound to the database as it lies (row-wise array binding reads value, length and indicator at a fixed
 * stride), so decoding into it is the only copy that Millrace makes.
 *
 *     +--------------+------------------+-------------------+------------------------------------+
 *     | mr_record    | indicators       | lengths           | values                             |
 *     | 40 bytes     | 1 byte a field   | 8 bytes a text    | 8-aligned, at the field's capacity |
 *     +--------------+------------------+-------------------+------------------------------------+
 *     0              40                                                               layout.size
 *
 * Short values come before long ones, whose places are mostly empty: what an event fills lies together.
 * Bytes of a value past its length are undefined.  Plain data: whoever holds the page holds the record.  When the event was, lies with the page
 * (data/pool.h).
 */
#ifndef MR_DATA_RECORD_H
#define MR_DATA_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define MR_FIELDS_MAX 256 /* columns of a table, the identity included */

/* The header of every record: where the event came from, and what became of it. */
typedef struct mr_record {
    int64_t offset;
    uint64_t key_hash;
    int32_t partition;
    uint32_t source; /* the consumer's partition slot (names topic and partition) */
    uint32_t epoch;  /* of that slot when the event was read; on the replay path, of its lane there */
    /* the writer's verdict on a row that the database refuses */
    uint16_t code;             /* the database's error; meaningful when `reason` is set */
    uint16_t field;            /* that it is about; MR_FIELDS_MAX: none */
    uint8_t reason;            /* mr_reason; 0: not refused */
    uint8_t skipped_indicator; /* mr_record_skip: what field 0's indicator was */
    char sqlstate[6];
} mr_record;

_Static_assert(sizeof(mr_record) == 40, "the record header is part of the layout");
_Static_assert(2 * sizeof(int64_t) + 3 * sizeof(int32_t) + 2 * sizeof(uint16_t) + 2 + 6 == sizeof(mr_record),
               "no byte of the header is padding");
_Static_assert(MR_FIELDS_MAX <= UINT16_MAX, "mr_record.field holds every field, and MR_FIELDS_MAX");

/* Indicators, one byte per field: the values that the array binding of Connector/C expects. */
enum {
    MR_VALUE_SET = 0,
    MR_VALUE_NULL = 1,
    MR_VALUE_SKIP = 4, /* in field 0: the row is left out of the statement */
};

/* How a field lies in the record and is bound. */
typedef enum mr_form {
    MR_FORM_TEXT,     /* UTF-8 bytes, length */
    MR_FORM_BYTES,    /* binary, length */
    MR_FORM_INT64,    /* int64_t */
    MR_FORM_UINT64,   /* uint64_t */
    MR_FORM_DOUBLE,   /* double */
    MR_FORM_DATETIME, /* mr_time */
    MR_FORM_DATE,     /* mr_time */
    MR_FORM_TIME,     /* mr_time */
} mr_form;

/* A date and time as the client library binds it: the same layout as its MYSQL_TIME (asserted in sql.c). */
typedef struct mr_time {
    unsigned int year, month, day, hour, minute, second;
    unsigned long second_part; /* microseconds */
    char negative;
    int kind; /* the library's enum; set by mr_layout's owner: 0 date, 1 datetime, 2 time */
} mr_time;

typedef struct mr_field {
    mr_form form;
    uint32_t indicator_at; /* offsets from the start of the record, bytes */
    uint32_t length_at;    /* an unsigned long; TEXT and BYTES only */
    uint32_t value_at;
    uint32_t capacity; /* bytes of the value's place */
} mr_field;

typedef struct mr_layout {
    uint32_t fields;
    uint32_t size; /* bytes of a record, a multiple of 8 */
    mr_field field[MR_FIELDS_MAX];
} mr_layout;

/* Lays out `fields` fields whose form and capacity are set (capacity is ignored for fixed-size forms). */
void mr_layout_place(mr_layout *layout);

static inline char *mr_record_indicator(const mr_layout *layout, unsigned char *record, uint32_t field)
{
    return (char *)record + layout->field[field].indicator_at;
}

static inline unsigned long *mr_record_length(const mr_layout *layout, unsigned char *record, uint32_t field)
{
    return (unsigned long *)(void *)(record + layout->field[field].length_at);
}

static inline unsigned char *mr_record_value(const mr_layout *layout, unsigned char *record, uint32_t field)
{
    return record + layout->field[field].value_at;
}

static inline bool mr_record_skipped(const mr_layout *layout, const unsigned char *record)
{
    return record[layout->field[0].indicator_at] == MR_VALUE_SKIP;
}

/* Leaves the record out of what is written from its page; the record itself stays whole.  Marking it again changes nothing. */
static inline void mr_record_skip(const mr_layout *layout, unsigned char *record)
{
    unsigned char *indicator = record + layout->field[0].indicator_at;
    if (*indicator == MR_VALUE_SKIP)
        return;
    /* Where columns are the identity, field 0 can be any column, one that is NULL here too. */
    ((mr_record *)(void *)record)->skipped_indicator = *indicator;
    *indicator = MR_VALUE_SKIP;
}

/* Takes the mark back; whoever reads a skipped record's fields does so before.  Without a mark nothing changes. */
static inline void mr_record_unskip(const mr_layout *layout, unsigned char *record)
{
    if (mr_record_skipped(layout, record))
        record[layout->field[0].indicator_at] = ((const mr_record *)(const void *)record)->skipped_indicator;
}

#endif
