/* mime_fuzz - hostile structure: what goes in comes out, whatever the cut */
#include "mime.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_header(void *context, enum mime_class class,
                      const struct header_type *type, struct view text, size_t offset)
{
    (void)class;
    (void)offset;
    assert(type);
    assert(header_name_length(text) > 0);
    str_add(context, text);
    str_add_char(context, '\n');
}

static void on_body(void *context, struct view line, bool last, size_t offset)
{
    (void)offset;
    str_add(context, line);
    if (last)
        str_add_char(context, '\n');
}

static void on_boundary(void *context, struct view line, bool closing, size_t depth)
{
    (void)context;
    (void)closing;
    assert(line.n > 2 && depth > 0 && depth <= 6);
}

static const struct mime_events events = {
    .header = on_header, .body = on_body, .boundary = on_boundary};

static unsigned run(unsigned options, struct view input, size_t chunk, struct str *out)
{
    struct mime_limits limits = {4, 64, 2000};
    struct mime *m = mime_new(options, &limits, &events, out);
    while (input.n > 0) {
        struct view part = view_sub(input, 0, chunk);
        mime_feed(m, part);
        input = view_from(input, part.n);
    }
    unsigned faults = mime_end(m);
    mime_free(m);
    return faults;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 30000)
        return 0;
    unsigned options = data[0] & 0x7f;
    struct view input = {(const char *)data + 1, size - 1};
    struct str whole = STR_INIT(1 << 20);
    struct str cut = STR_INIT(1 << 20);
    unsigned faults = run(options, input, SIZE_MAX, &whole);
    assert(run(options, input, 1 + data[0] % 50, &cut) == faults);
    assert(view_eq(str_view(&whole), str_view(&cut)));
    str_done(&whole);
    str_done(&cut);
    struct str value = STR_INIT(size + 8);
    struct content_type t;
    content_type_parse(input, &value, &t);
    str_clear(&value);
    (void)mime_parameter(input, VIEW("filename"), &value);
    mime_encoding_parse(input);
    str_done(&value);
    return 0;
}
