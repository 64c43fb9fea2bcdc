/* thread_id - THREADID of RFC 8474: the same for all messages of a conversation */
#include "thread_id.h"

#include "base/hash.h"
#include "message/header.h"

/* The same in every process and at every time: no secret. */
static const uint64_t fixed_key[2] = {0x7468726561646964, 0x5246432038343734};

/* The first "<...>" of V, or all of it. */
static struct view first_id(struct view v)
{
    size_t open = view_find(v, '<');
    struct view from = open == VIEW_NPOS ? VIEW_NONE : view_from(v, open);
    size_t close = view_find(from, '>');

    return close == VIEW_NPOS ? view_trim_space(v) : view_sub(from, 0, close + 1);
}

uint64_t thread_id_of(struct view headers)
{
    const struct view names[] = {VIEW("References"), VIEW("In-Reply-To"),
                                 VIEW("Message-ID")};
    struct view values[3], id = VIEW_NONE;

    message_header_values(headers, names, 3, values);
    for (int i = 0; i < 3 && id.n == 0; i++)
        id = first_id(values[i]);
    uint64_t hash = hash_siphash(fixed_key, id.n > 0 ? id : headers);
    return hash ? hash : 1;
}
