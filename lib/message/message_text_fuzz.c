/* message_text_fuzz - headers, HTML, subjects, folding, searching, line ends */
#include "header.h"
#include "html.h"
#include "lines.h"
#include "subject.h"
#include "text.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fields, put together, are the block. */
static void check_header(struct view v)
{
    struct view header = message_header(v);
    struct view rest = header;
    struct message_field f;
    struct str selected = STR_INIT(1 << 20);
    size_t n = 0;
    while (message_header_next(&rest, &f)) {
        struct message_field found;
        n += f.raw.n;
        if (f.name.n > 0)
            assert(message_header_find(header, f.name, &found));
    }
    assert(n + rest.n == header.n);
    assert(message_header_select(header, NULL, 0, true, &selected));
    assert(selected.n >= 2);
    str_done(&selected);
}

static void check_lines(struct view v, size_t offset)
{
    struct str whole = STR_INIT(1 << 20);
    struct str slice = STR_INIT(1 << 20);
    assert(message_add_crlf(v, &whole));
    assert(whole.n == message_size_of(v).bytes);
    assert(message_add_crlf_slice(v, offset, offset + 7, &slice));
    assert(view_eq(str_view(&slice), view_sub(str_view(&whole), offset, offset + 7)));
    str_done(&whole);
    str_done(&slice);
}

/* A text is found in itself, and folded twice it is as folded once. */
static void check_search(struct view v, struct view text)
{
    struct arena *arena = arena_new();
    struct view some = view_sub(text, 0, 40);
    struct str folded = STR_INIT(1 << 22);
    struct message_needle *needle = message_needle_new(arena, some);
    if (view_is_utf8(some))
        assert(message_needle_in_text(needle, some));
    (void)message_needle_in_text(needle, text);
    (void)message_needle_in_value(needle, v);
    (void)message_needle_in_message(needle, v, true);
    message_fold(text, &folded);
    str_done(&folded);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 20000)
        return 0;
    struct view v = {(const char *)data, size};
    struct str out = STR_INIT(1 << 22);
    bool is_reply;
    check_header(v);
    check_lines(v, size / 3);
    assert(message_base_subject(v, &is_reply, &out));
    str_clear(&out);
    assert(html_to_text(v, &out) && out.n <= 4 * size + 64);
    str_clear(&out);
    assert(html_decode_entities(v, &out));
    str_clear(&out);
    assert(message_to_utf8(VIEW("utf-8"), v, &out) && view_is_utf8(str_view(&out)));
    check_search(v, str_view(&out));
    str_done(&out);
    return 0;
}
