/* mbox_text_fuzz - any bytes as an mbox file: found, stripped, marked, found again */
#include "store/mbox_text.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Marks change nothing of the message itself, and have a place of their own. */
static void check_marks(const struct mbox_entry *m, struct view raw)
{
    struct str marked = STR_INIT(4 * raw.n + 4096);
    struct mbox_marks marks = {.flags = (uint32_t)(raw.n & 31),
                               .uid = 7,
                               .keywords = VIEW("Work $Junk"),
                               .with_base = true,
                               .uidvalidity = 12345,
                               .last_uid = 7};
    struct mbox_entry other;

    assert(mbox_text_header(m, raw, &marks, 0, &marked));
    size_t header = marked.n;
    str_add(&marked, view_sub(raw, (size_t)m->line + m->header, m->body));
    if (mbox_text_next(str_view(&marked), 0, &other) && other.end == marked.n) {
        assert(other.uid == 7 && other.base_validity == 12345);
        assert(view_eq(view_trim_space(other.keywords), marks.keywords));
        /* The same marks fit into the room that is there. */
        struct str same = STR_INIT(4 * raw.n + 8192);
        marks.keywords = VIEW("Work");
        if (other.line + other.header == header)
            assert(mbox_text_header(&other, str_view(&marked), &marks, header, &same) &&
                   same.n == header);
        str_done(&same);
    }
    str_done(&marked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = {(const char *)data, size};
    struct mbox_entry m;
    uint64_t at = 0;

    while (text.n > 0 && mbox_text_next(text, at, &m)) {
        assert(m.start == at && m.end > at && m.end <= at + text.n);
        assert(m.start + m.line + m.header + m.body <= m.end);
        struct view raw = view_sub(text, 0, (size_t)(m.end - at));
        struct str plain = STR_INIT(raw.n + 1);
        mbox_text_strip(&m, raw, &plain);
        assert(plain.n == m.size && !plain.overflow);
        check_marks(&m, raw);
        str_done(&plain);
        text = view_from(text, (size_t)(m.end - at));
        at = m.end;
    }
    return 0;
}
