/* offsets: what changes them, reset and import */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/must.h"
#include "base/text.h"
#include "cmd_offsets_private.h"

/* ---- changes: what is planned, and what came of it ---- */

static json_t *change_json(const mr_offsets_run *of, size_t i)
{
    const mr_offsets_change *change = &of->changes[i];
    mr_offsets_mark mark = mr_offsets_read(change->metadata, change->len, change->to, of->fingerprint);
    json_t *object = json_pack("{s:s, s:i, s:o, s:I, s:I, s:I, s:s, s:b, s:i, s:i, s:I, s:s?, s:o}", "topic",
                               of->at[i]->topic, "partition", (int)of->at[i]->partition, "from",
                               mr_offsets_or_null(change->from), "to", (json_int_t)change->to, "read_again",
                               (json_int_t)change->again, "skipped", (json_int_t)change->skipped, "state",
                               mr_offsets_state_name(mark.state), "unchanged", change->same, "parked_kept",
                               (int)change->kept, "parked_dropped", (int)change->dropped,
                               "parked_offsets_lost", (json_int_t)change->forgotten, "refused",
                               change->refusal ? mr_offsets_refusal_text(change->refusal) : NULL, "parked",
                               mr_offsets_parked_json(of, &mark));
    must(object);
    mr_json_put_bytes(object, "metadata", change->metadata, change->len);
    return object;
}

static const char *plural(uint32_t count)
{
    return count == 1 ? "" : "s";
}

static void print_change(const mr_offsets_run *of, size_t i)
{
    const mr_offsets_change *change = &of->changes[i];
    mr_offsets_mark mark = mr_offsets_read(change->metadata, change->len, change->to, of->fingerprint);
    printf("%s/%d: ", of->at[i]->topic, (int)of->at[i]->partition);
    if (change->from >= 0)
        printf("%" PRId64 " -> %" PRId64, change->from, change->to);
    else
        printf("no offset -> %" PRId64, change->to);
    if (change->same) {
        puts(": is so already");
        return;
    }
    printf(", %s", mr_offsets_state_name(mark.state));
    if (change->made_dirty)
        fputs(" (the export says clean; rows above it may have been written since)", stdout);
    if (change->again)
        printf(", %" PRId64 " offsets are read again", change->again);
    if (change->skipped)
        printf(", %" PRId64 " offsets are SKIPPED: their events are not written", change->skipped);
    if (change->kept)
        printf(", %u parked range%s kept", change->kept, plural(change->kept));
    if (change->reread)
        printf(", %u parked range%s no longer needed: read again anyway", change->reread,
               plural(change->reread));
    if (change->dropped)
        printf(", %u parked range%s FORGOTTEN: up to %" PRId64 " offsets", change->dropped,
               plural(change->dropped), change->forgotten);
    putchar('\n');
    if (change->refusal)
        printf("    refused: %s\n", mr_offsets_refusal_text(change->refusal));
}

/* Those that are meant, allowed and not so already. */
static mr_status commit_changes(const mr_offsets_run *of, size_t count, mr_error *error)
{
    mr_kafka_offset *commits = mr_heap_take(count, sizeof *commits);
    size_t n = 0;
    for (size_t i = 0; i < of->count; i++)
        if (of->meant[i] && !of->changes[i].same) {
            commits[n] = *of->at[i];
            commits[n].committed = of->changes[i].to;
            commits[n].metadata = of->changes[i].metadata;
            commits[n++].metadata_len = of->changes[i].len;
        }
    must(n == count);
    mr_status status = mr_kafka_offsets_commit(of->offsets, commits, n, error);
    free(commits);
    return status;
}

static void print_changes(const mr_offsets_run *of, bool applied)
{
    json_t *list = json_array();
    for (size_t i = 0; i < of->count; i++) {
        if (!of->meant[i])
            continue;
        if (mr_call_json(of->call))
            json_array_append_new(list, change_json(of, i));
        else
            print_change(of, i);
    }
    if (mr_call_json(of->call))
        mr_print_json(json_pack("{s:b, s:O}", "applied", applied, "changes", list));
    json_decref(list);
    fflush(stdout); /* before what stderr says of it */
}

static mr_status apply(mr_offsets_run *of)
{
    size_t refused = 0, changed = 0;
    bool yes = mr_call_option(of->call, "yes");
    mr_error error;
    mr_status status = MR_OK;
    for (size_t i = 0; i < of->count; i++) {
        refused += of->meant[i] && of->changes[i].refusal;
        changed += of->meant[i] && !of->changes[i].same;
    }
    bool go = yes && !refused && changed > 0;
    if (go)
        status = commit_changes(of, changed, &error);
    print_changes(of, go && !status);
    if (status)
        return mr_complain(status, "%s; look with `millrace offsets show` what stands", error.text);
    if (refused)
        return mr_complain(MR_DATA, "%zu partition%s refused: nothing was changed", refused,
                           refused == 1 ? " is" : "s are");
    if (changed == 0)
        fputs("nothing is to be changed\n", stderr);
    else if (go)
        fprintf(stderr, "%zu partition%s changed\n", changed, changed == 1 ? " was" : "s were");
    else
        fprintf(stderr, "dry run, nothing was changed: --yes changes %zu partition%s\n", changed,
                changed == 1 ? "" : "s");
    return MR_OK;
}

/* ---- reset ---- */

static mr_status reset(mr_offsets_run *of)
{
    mr_offsets_to to;
    mr_error error;
    bool well = mr_offsets_to_parse(mr_call_option(of->call, "to"), &to); /* checked before */
    must(well);
    if (to.kind == MR_OFFSETS_TO_OFFSET && of->count != 1)
        return mr_complain(
            MR_USAGE, "an offset is of one partition, and %zu are meant: --topic and --partition", of->count);
    size_t all = mr_kafka_offsets_count(of->offsets);
    int64_t *found = mr_heap_take(all, sizeof *found);
    mr_status status = to.kind == MR_OFFSETS_TO_TIME
                           ? mr_kafka_offsets_for_time(of->offsets, to.value, found, &error)
                           : MR_OK;
    for (size_t i = 0; !status && i < of->count; i++) {
        const mr_kafka_offset *one = of->at[i];
        mr_offsets_place place = {one->low, one->end, one->committed, one->metadata, one->metadata_len};
        int64_t place_of[] = {one->low, one->end, found[one - mr_kafka_offsets_at(of->offsets, 0)], to.value};
        of->meant[i] = true;
        mr_offsets_reset(&place, place_of[to.kind], of->fingerprint, of->allowed, &of->changes[i]);
    }
    free(found);
    return status ? mr_complain(status, "%s", error.text) : apply(of);
}

/* ---- import ---- */

/* The metadata of a partition in an export; the caller's to free; NULL: it has none that can be read. */
static char *metadata_of(const json_t *object, size_t *len)
{
    const json_t *text = json_object_get(object, "metadata");
    const char *hex = json_string_value(json_object_get(object, "metadata_hex"));
    *len = text ? json_string_length(text) : hex ? strlen(hex) / 2 : 0;
    if ((!json_is_string(text) && !hex) || *len > MR_METADATA_MAX)
        return NULL;
    char *bytes = mr_heap_grow(NULL, *len + 1);
    if (text) {
        memcpy(bytes, json_string_value(text), *len);
        return bytes;
    }
    for (size_t i = 0; i < *len; i++) {
        int high = mr_hex_digit(hex[2 * i]), low = mr_hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            free(bytes);
            return NULL;
        }
        bytes[i] = (char)(high << 4 | low);
    }
    return bytes;
}

static bool import_one(mr_offsets_run *of, size_t i, const json_t *object)
{
    const mr_kafka_offset *one = of->at[i];
    const json_t *committed = json_object_get(object, "committed");
    mr_offsets_place place = {one->low, one->end, one->committed, one->metadata, one->metadata_len};
    size_t len;
    if (json_is_null(committed))
        return true; /* there was none: what there is stays */
    char *metadata = metadata_of(object, &len);
    if (!metadata || !json_is_integer(committed) || json_integer_value(committed) < 0 || of->meant[i]) {
        free(metadata);
        return false;
    }
    of->meant[i] = true;
    mr_offsets_import(&place, json_integer_value(committed), metadata, len, of->fingerprint, of->allowed,
                      &of->changes[i]);
    free(metadata);
    return true;
}

static mr_status import_all(mr_offsets_run *of, const json_t *document, const char *file)
{
    size_t at;
    json_t *object;
    const char *only = mr_call_option(of->call, "topic");
    json_array_foreach(json_object_get(document, "partitions"), at, object)
    {
        const char *topic = json_string_value(json_object_get(object, "topic"));
        const json_t *number = json_object_get(object, "partition");
        size_t i = 0;
        if (!topic || !json_is_integer(number))
            return mr_complain(MR_DATA, "%s: entry %zu of partitions is no partition: export it again", file,
                               at);
        while (i < of->count &&
               (strcmp(of->at[i]->topic, topic) != 0 || of->at[i]->partition != json_integer_value(number)))
            i++;
        if (i == of->count && !only && !mr_call_option(of->call, "partition"))
            return mr_complain(
                MR_DATA,
                "%s: the streams do not take %s/%d from these brokers: choose with --topic and "
                "--partition what to import",
                file, topic, (int)json_integer_value(number));
        if (i < of->count && !import_one(of, i, object))
            return mr_complain(MR_DATA,
                               "%s: what it says of %s/%d is damaged, or said twice: export it again", file,
                               topic, (int)json_integer_value(number));
    }
    return apply(of);
}

static mr_status check_document(const mr_offsets_run *of, const json_t *document, const char *file)
{
    char fingerprint[17];
    mr_offsets_hex(of->fingerprint, 16, fingerprint);
    const char *group = json_string_value(json_object_get(document, "group"));
    const char *rules = json_string_value(json_object_get(document, "fingerprint"));
    if (json_integer_value(json_object_get(document, "millrace_offsets")) != MR_OFFSETS_FORMAT || !group ||
        !rules || !json_is_array(json_object_get(document, "partitions")))
        return mr_complain(MR_DATA,
                           "%s: is no export of millrace's offsets: make one with `millrace offsets "
                           "export`",
                           file);
    if (of->allowed.force)
        return MR_OK;
    if (strcmp(group, of->config->kafka.group_id) != 0)
        return mr_complain(MR_DATA, "%s: is of the group %s, not of %s: take its configuration, or --force",
                           file, group, of->config->kafka.group_id);
    if (strcmp(rules, fingerprint) != 0)
        return mr_complain(MR_DATA,
                           "%s: is of another slot map, key or identity (%s, here %s): take its "
                           "configuration, or --force",
                           file, rules, fingerprint);
    return MR_OK;
}

static mr_status import(mr_offsets_run *of)
{
    const char *file = of->call->arguments[0];
    json_error_t why;
    json_t *document = json_load_file(file, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!document)
        return mr_complain(MR_DATA, "%s: line %d: %s: name an export of millrace's offsets", file, why.line,
                           why.text);
    mr_status status = check_document(of, document, file);
    if (!status)
        status = import_all(of, document, file);
    json_decref(document);
    return status;
}

/* ---- the commands ---- */

mr_status mr_cmd_offsets_import(mr_call *call)
{
    return mr_offsets_run_all(call, true, import);
}

mr_status mr_cmd_offsets_reset(mr_call *call)
{
    const char *to = mr_call_option(call, "to");
    mr_offsets_to place;
    if (!to)
        return mr_complain(MR_USAGE, "no place is named: give --to earliest, latest, a time or an offset");
    if (!mr_offsets_to_parse(to, &place))
        return mr_complain(
            MR_USAGE,
            "--to %s is no place: earliest, latest, a time such as 2026-01-31T12:00:00Z, or an "
            "offset",
            to);
    return mr_offsets_run_all(call, true, reset);
}
