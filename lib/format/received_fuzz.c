/* received_fuzz - trace lines from anywhere */
#include "received.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct view whole, struct view part)
{
    if (part.n > 0)
        assert(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = {(const char *)data, size > 10000 ? 10000 : size};
    struct received r;

    if (received_parse(v, &r))
        assert(r.from.n + r.from_comment.n + r.by.n + r.lead.n > 0);
    const struct view parts[] = {r.lead,       r.from, r.from_comment, r.by,
                                 r.by_comment, r.with, r.id,           r.recipient};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        check_inside(v, parts[i]);
    return 0;
}
