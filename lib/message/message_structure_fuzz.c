/* message_structure_fuzz - hostile MIME: a sound tree, and replies that parse */
#include "header.h"
#include "preview.h"
#include "structure.h"
#include "text.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct message_limits limits = {8, 50, 100};

static void check_size(struct view v, struct message_size size)
{
    struct message_size want = message_size_of(v);
    assert(size.bytes == want.bytes && size.lines == want.lines);
}

/* Parts lie within their parent, one behind the other.  Gives their number. */
static size_t check_part(struct view message, const struct message_part *part,
                         size_t depth)
{
    size_t count = 1;
    size_t at = part->body;
    assert(depth <= limits.depth);
    assert(part->header <= part->body && part->body <= part->end &&
           part->end <= message.n);
    check_size(message_part_header(message, part), part->header_size);
    check_size(message_part_body(message, part), part->body_size);
    assert(part->child == NULL || part->is_multipart || part->is_message);
    assert(!part->is_message || (part->child && part->child->next == NULL));
    for (const struct message_part *c = part->child; c; c = c->next) {
        assert(c->parent == part && c->header >= at && c->end >= c->header &&
               c->end <= part->end);
        count += check_part(message, c, depth + 1);
        at = c->end;
    }
    struct str text = STR_INIT(1 << 20);
    message_part_text(message, part, &text);
    assert(view_is_utf8(str_view(&text)) || text.overflow);
    str_clear(&text);
    (void)message_part_filename(part, &text);
    (void)message_part_is_attachment(part);
    str_clear(&text);
    if (!part->is_multipart)
        (void)message_decode(message_part_body(message, part), part->encoding, &text);
    str_done(&text);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 30000)
        return 0;
    struct view message = {(const char *)data, size};
    struct arena *arena = arena_new();
    struct message_part *root = message_parse(arena, message, &limits);
    assert(root->header == 0 && root->end == size);
    assert(check_part(message, root, 0) <= limits.parts);
    uint32_t numbers[] = {1, 2, 1};
    for (size_t n = 0; n <= 3; n++)
        (void)message_part_find(root, numbers, n);
    struct str preview = STR_INIT(4 * MESSAGE_PREVIEW_MAX);
    message_preview(message, root, &preview);
    assert(!preview.overflow && view_is_utf8(str_view(&preview)));
    str_done(&preview);
    arena_free(arena);
    return 0;
}
