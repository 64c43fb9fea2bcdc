/* imap_search_fuzz - search programs: bounded trees of UTF-8 strings */
#include "search.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nodes at and below N. */
static size_t check_node(const struct imap_search *s, const struct imap_search_node *n,
                         size_t depth)
{
    size_t count = 1;
    size_t children = 0;
    assert(depth <= 2 * IMAP_SEARCH_DEPTH + 2 && n->cookie == NULL);
    assert(imap_search_uses(s, n->key));
    assert(n->key == IMAP_SEARCH_EMAILID || n->key == IMAP_SEARCH_THREADID ||
           view_is_utf8(n->string));
    for (const struct imap_search_node *c = n->child; c; c = c->next, children++)
        count += check_node(s, c, depth + 1);
    assert(n->key != IMAP_SEARCH_OR || children == 2);
    assert(n->key != IMAP_SEARCH_NOT || children == 1);
    assert(n->key != IMAP_SEARCH_AND || children > 0);
    assert(children == 0 || n->key <= IMAP_SEARCH_NOT);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 20000)
        return 0;
    struct arena *arena = arena_new();
    struct imap_input in;
    struct imap_search search;
    imap_input_memory(&in, arena, (struct view){(const char *)data, size});
    if (imap_take_search(&in, &search))
        assert(check_node(&search, search.root, 0) <= IMAP_SEARCH_KEYS);
    else
        assert(in.error);
    arena_free(arena);
    return 0;
}
