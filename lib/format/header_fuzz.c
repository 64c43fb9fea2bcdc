/* header_fuzz - header blocks, dates, encoded words, Message-IDs, status codes */
#include "date.h"
#include "dsn_code.h"
#include "encoded_word.h"
#include "header.h"
#include "message_id.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The pieces of the block, put together, are the block. */
static void check_block(struct view v)
{
    struct view rest = v;
    struct header h;
    while (header_next(&rest, &h) == HEADER_NEXT_FIELD) {
        assert(h.name.n > 0 && h.raw.n >= h.name.n + 1);
        assert(h.body.p + h.body.n == h.raw.p + h.raw.n);
        struct str text = STR_INIT(1 << 20);
        header_unfold(h.body, &text);
        assert(!view_has(str_view(&text), '\n'));
        str_clear(&text);
        if (encoded_word_decode(h.body, &text))
            assert(!view_has(str_view(&text), '\n') || view_has(h.body, '\n'));
        str_done(&text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = {(const char *)data, size > 30000 ? 30000 : size};
    check_block(v);
    int64_t seconds;
    int offset;
    if (date_parse(v, &seconds, &offset))
        assert(seconds > -INT64_C(70000000000) && seconds < INT64_C(400000000000));
    struct view rest = v;
    struct view id;
    while (message_id_next(&rest, &id))
        assert(id.n > 2);
    char status[DSN_CODE_MAX];
    int code;
    dsn_code_split(v, "4.0.0", status);
    if (dsn_reply_split(v, &code, status, &rest))
        assert(status[0] == v.p[0]);
    struct str coded = STR_INIT(1 << 20);
    struct str back = STR_INIT(1 << 20);
    if (encoded_word_encode(v, 10, true, &coded))
        assert(encoded_word_decode(str_view(&coded), &back));
    str_done(&coded);
    str_done(&back);
    return 0;
}
