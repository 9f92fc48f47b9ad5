/* The configuration as text: comments, and where everything stands (jansson keeps no positions of values). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "stages/config_table.h"

void mr_config_blank_comments(char *text, size_t len)
{
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '/' && i + 1 < len && text[i + 1] == '/') {
            while (i < len && text[i] != '\n')
                text[i++] = ' ';
        }
    }
}

/* A walk over well-formed JSON. */
typedef struct walk {
    mr_reader *reader;
    const char *text;
    size_t len, at;
    int line;
    size_t line_start;
    char path[MR_CONFIG_PATH];
} walk;

static void skip_blank(walk *w)
{
    while (w->at < w->len && strchr(" \t\r\n", w->text[w->at])) {
        if (w->text[w->at] == '\n') {
            w->line++;
            w->line_start = w->at + 1;
        }
        w->at++;
    }
}

static int column(const walk *w)
{
    return (int)(w->at - w->line_start) + 1;
}

static void skip_string(walk *w)
{
    for (w->at++; w->text[w->at] != '"'; w->at++)
        if (w->text[w->at] == '\\')
            w->at++;
    w->at++;
}

static mr_place *find_place(const mr_reader *reader, const char *path)
{
    for (size_t i = 0; i < reader->place_count; i++)
        if (!strcmp(reader->places[i].path, path))
            return &reader->places[i];
    return NULL;
}

static size_t add_place(walk *w, int key_line, int key_column)
{
    mr_reader *reader = w->reader;
    if (reader->place_count == reader->place_cap) {
        reader->place_cap = reader->place_cap ? 2 * reader->place_cap : 256;
        reader->places = mr_heap_grow(reader->places, reader->place_cap * sizeof *reader->places);
    }
    reader->places[reader->place_count] = (mr_place){.path = mr_config_keep(reader, w->path, strlen(w->path)),
                                                     .line = w->line,
                                                     .column = column(w),
                                                     .key_line = key_line,
                                                     .key_column = key_column};
    return reader->place_count++;
}

static void walk_value(walk *w, int key_line, int key_column);

static void walk_object(walk *w)
{
    size_t path_len = strlen(w->path);
    for (w->at++, skip_blank(w); w->text[w->at] != '}'; skip_blank(w)) {
        int key_line = w->line, key_column = column(w);
        size_t from = w->at + 1;
        skip_string(w);
        snprintf(w->path + path_len, sizeof w->path - path_len, "%s%.*s", path_len ? "." : "",
                 (int)(w->at - 1 - from), w->text + from);
        if (find_place(w->reader, w->path)) {
            mr_findings_add(w->reader->findings,
                            (mr_finding){.level = MR_LEVEL_ERROR,
                                         .status = MR_CONFIG,
                                         .line = key_line,
                                         .column = key_column,
                                         .where = w->path,
                                         .what = (char *)(uintptr_t) "the key stands here a second time",
                                         .remedy = (char *)(uintptr_t) "keep one of them"});
        }
        skip_blank(w);
        w->at++; /* : */
        skip_blank(w);
        walk_value(w, key_line, key_column);
        w->path[path_len] = 0;
        skip_blank(w);
        if (w->text[w->at] == ',')
            w->at++;
    }
    w->at++;
}

static void walk_array(walk *w)
{
    size_t path_len = strlen(w->path), i = 0;
    for (w->at++, skip_blank(w); w->text[w->at] != ']'; skip_blank(w), i++) {
        snprintf(w->path + path_len, sizeof w->path - path_len, "[%zu]", i);
        walk_value(w, w->line, column(w));
        w->path[path_len] = 0;
        skip_blank(w);
        if (w->text[w->at] == ',')
            w->at++;
    }
    w->at++;
}

static void walk_value(walk *w, int key_line, int key_column)
{
    add_place(w, key_line, key_column);
    switch (w->text[w->at]) {
    case '{':
        walk_object(w);
        break;
    case '[':
        walk_array(w);
        break;
    case '"':
        skip_string(w);
        break;
    default:
        while (w->at < w->len && !strchr(",]} \t\r\n", w->text[w->at]))
            w->at++;
    }
}

void mr_config_index(mr_reader *reader, const char *text, size_t len)
{
    walk w = {.reader = reader, .text = text, .len = len, .line = 1};
    skip_blank(&w);
    walk_value(&w, w.line, column(&w));
}
