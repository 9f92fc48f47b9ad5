#include "decode_simdjson.h"

#include <simdjson.h>

using namespace simdjson;

static size_t find_all(ondemand::object &object, const bench_find *find, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        ondemand::value value;
        std::string_view text;
        if (object.find_field(find[i].name).get(value))
            return 0;
        if (find[i].inner) {
            ondemand::object below;
            ondemand::value inner;
            if (value.get_object().get(below) || below.find_field(find[i].inner).get(inner))
                return 0;
            sum += inner.raw_json_token().size();
            if (below.raw_json().get(text))
                return 0;
            sum += text.size();
            continue;
        }
        sum += value.raw_json_token().size();
    }
    return sum;
}

size_t bench_simdjson_find(const char *text, size_t len, const bench_find *find, size_t count)
{
    static ondemand::parser parser;
    ondemand::document document;
    ondemand::object object;
    if (parser.iterate(padded_string_view(text, len, len + SIMDJSON_PADDING)).get(document) ||
        document.get_object().get(object))
        return 0;
    return find_all(object, find, count);
}

const char *bench_simdjson_name(void)
{
    static std::string name = get_active_implementation()->name();
    return name.c_str();
}
