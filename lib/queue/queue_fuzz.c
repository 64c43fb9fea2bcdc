/* queue_fuzz - bytes from submitters and from disk: images, envelopes, journal segments,
 * reasons
 *
 * The first byte chooses the parser.  What is accepted is also marked and written again.
 */
#include "base/memory.h"
#include "queue/defer_log.h"
#include "queue/journal_private.h"
#include "queue/queue_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_envelope(struct arena *a, struct view bytes)
{
    struct envelope env;
    struct error e = ERROR_INIT;
    char *copy = memory_alloc(bytes.n + 1);
    if (bytes.n > 0)
        memcpy(copy, bytes.p, bytes.n);
    struct view own = {copy, bytes.n};
    if (envelope_parse(a, own, &env, &e)) {
        uint32_t before = envelope_checksum(&env, own, 1);
        static const uint32_t marks[] = {0, 1, UINT32_MAX, UINT32_MAX - 2, 77};
        queue_marks_apply(&env, marks, 5);
        queue_file_mark(&env, copy, bytes.n);
        if (envelope_checksum(&env, own, 1) != before)
            __builtin_trap();
        struct str out = STR_INIT(ENVELOPE_MAX_BYTES);
        if (!envelope_write(&env, &out) || !envelope_parse(a, str_view(&out), &env, &e))
            __builtin_trap();
        str_done(&out);
    }
    memory_free(copy);
}

static void take_record(const struct journal_record *r, struct view payload,
                        uint32_t offset, void *arg)
{
    struct queue_message m;
    (void)offset;
    if (r->type == JOURNAL_MESSAGE)
        (void)!queue_image_parse(arg, payload, true, &m, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct queue_message m;
    struct defer_reason *reasons;
    struct journal_header header;
    struct queue_id id;
    size_t n;
    if (size == 0)
        return 0;
    struct arena *a = arena_new();
    struct view bytes = {(const char *)data + 1, size - 1};
    switch (data[0] % 4) {
    case 0:
        try_envelope(a, bytes);
        break;
    case 1:
        (void)!queue_image_parse(a, bytes, true, &m, NULL);
        break;
    case 2:
        (void)journal_header_parse(bytes.p, bytes.n, &header);
        journal_scan(bytes, 1, take_record, a);
        break;
    default:
        defer_log_parse(bytes, a, &reasons, &n);
        (void)queue_id_parse(bytes, &id);
        break;
    }
    arena_free(a);
    return 0;
}
