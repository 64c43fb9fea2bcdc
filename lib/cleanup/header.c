/* header - each logical header of the message: checked, counted, rewritten, kept or
 * dropped
 *
 * Source: cleanup(8), header_checks(5), RFC 5322 3.6.
 */
#include "cleanup/cleanup_private.h"

#include "base/log.h"
#include "format/address_list.h"

/* A rewritten header may grow by that factor before it is left as it was. */
#define GROWTH 4

static void mark_seen(struct cleanup *c, enum header_id id)
{
    c->seen |= UINT64_C(1) << id;
}

/* The table that is responsible for a header of CLASS. */
static struct maps *checks_for(const struct cleanup_setup *s, enum mime_class class,
                               const char **title)
{
    switch (class) {
    case MIME_MULTIPART:
        *title = "mime_header_checks";
        return s->mime_header_checks;
    case MIME_NESTED:
        *title = "nested_header_checks";
        return s->nested_header_checks;
    case MIME_PRIMARY:
    default:
        *title = "header_checks";
        return s->header_checks;
    }
}

/* True: the header goes.  REPLACE changes *H. */
static bool is_dropped_by_check(struct cleanup *c, enum mime_class class,
                                struct header *h)
{
    const char *title;
    struct view replacement;
    struct maps *m = checks_for(c->setup, class, &title);
    if (!(c->flags & CLEANUP_FILTER) || maps_is_empty(m))
        return false;
    switch (check_text(c, m, CHECK_HEADER, h->raw, title, &replacement)) {
    case CHECK_DROP:
        return true;
    case CHECK_REPLACE:
        (void)header_parse(replacement, h); /* the action made sure that it is one */
        return false;
    case CHECK_KEEP:
    default:
        return false;
    }
}

/* What the rewriting of one header needs; for address_list_rewrite_header(). */
struct rewriting {
    struct cleanup *cleanup;
    enum place place;
};

static bool map_one(void *context, struct view from, struct str *to)
{
    struct rewriting *r = context;
    struct view mapped = address_map_all(r->cleanup, r->place, from, r->cleanup->scratch);
    if (view_is_empty(mapped) || view_eq(mapped, from))
        return false;
    return str_set(to, mapped);
}

static void write_rewritten(struct cleanup *c, enum place place, const struct header *h)
{
    struct rewriting rewriting = {.cleanup = c, .place = place};
    struct str out = STR_INIT(GROWTH * (h->raw.n + 4096));
    bool changed = address_list_rewrite_header(c->scratch, h->name, h->body,
                                               (size_t)c->setup->token_limit, map_one,
                                               &rewriting, &out);
    content_write_line(c, changed && !out.overflow ? str_view(&out) : h->raw);
    str_done(&out);
}

/* sendmail -t: remember the addresses of To, Cc, Bcc or their Resent- forms. */
static void extract(struct cleanup *c, const struct header *h)
{
    bool resent = h->type->flags & HEADER_IS_RESENT;
    if (!(h->type->flags & HEADER_IS_EXTRACT) || (c->is_resent && !resent))
        return;
    struct address_list *list =
        address_list_parse(c->scratch, h->body, (size_t)c->setup->token_limit);
    for (size_t i = 0; i < list->count; i++)
        address_bag_add(resent ? &c->resent : &c->extracted, list->items[i].address,
                        c->arena);
}

static void count_hop(struct cleanup *c)
{
    if ((int64_t)c->hops < c->setup->hopcount_limit)
        return;
    log_warning_as(c->setup->tag, "%s: message rejected: hopcount exceeded",
                   cleanup_id(c));
    cleanup_fail(c, FAULT_HOPS, "5.4.0", VIEW("Error: too many hops"));
}

static void note_message_id(struct cleanup *c, const struct header *h)
{
    bool resent = h->type->id == HEADER_RESENT_MESSAGE_ID;
    log_info_as(c->setup->tag, "%s: %smessage-id=%.*s", cleanup_id(c),
                resent ? "resent-" : "", VIEW_FMT(h->body));
    if (!resent)
        c->envelope.message_id = arena_dup(c->arena, view_trim_space(h->body));
}

/* What a known header of the message itself tells. */
static void note_header(struct cleanup *c, const struct header *h)
{
    mark_seen(c, h->type->id);
    if (h->type->id == HEADER_MESSAGE_ID || h->type->id == HEADER_RESENT_MESSAGE_ID)
        note_message_id(c, h);
    if (h->type->id == HEADER_RECEIVED)
        count_hop(c);
    if (c->flags & CLEANUP_EXTRACT)
        extract(c, h);
    if (h->type->flags & HEADER_IS_RESENT)
        c->is_resent = true;
}

static void write_header(struct cleanup *c, const struct header *h)
{
    if (header_is_listed(h->name, c->setup->drop_headers))
        return;
    if ((h->type->flags & HEADER_IS_SENDER) && c->header_context != REWRITE_NONE)
        write_rewritten(c, PLACE_HEADER_SENDER, h);
    else if ((h->type->flags & HEADER_IS_RECIPIENT) && c->header_context != REWRITE_NONE)
        write_rewritten(c, PLACE_HEADER_RECIPIENT, h);
    else
        content_write_line(c, h->raw);
}

/* smtputf8_autodetect_classes: UTF-8 in a header needs SMTPUTF8 on the way. */
static void detect_utf8(struct cleanup *c, struct view text)
{
    if ((c->flags & CLEANUP_AUTO_UTF8) && c->setup->utf8 && !view_is_ascii(text) &&
        view_is_utf8(text))
        c->envelope.flags |= MESSAGE_SMTPUTF8;
}

/* detect_8bit_encoding_header: mail that says so may hold 8-bit text. */
static void note_encoding(struct cleanup *c, const struct header *h)
{
    enum mime_encoding encoding = mime_encoding_parse(h->body);
    if (c->setup->detect_8bit &&
        (encoding == MIME_ENCODING_8BIT || encoding == MIME_ENCODING_BINARY))
        c->envelope.flags |= MESSAGE_8BIT;
}

void header_event(void *context, enum mime_class class, const struct header_type *type,
                  struct view text, size_t offset)
{
    struct cleanup *c = context;
    struct header h;
    arena_reset(c->scratch);
    if (class != MIME_PRIMARY)
        c->segment = offset;
    if (cleanup_is_doomed(c))
        return;
    if (!header_parse(text, &h)) {
        content_write_line(c, text);
        return;
    }
    if (class == MIME_PRIMARY) {
        if (type->id == HEADER_RECEIVED)
            c->hops++;
        detect_utf8(c, text);
    }
    if (class == MIME_PRIMARY && type->id == HEADER_CONTENT_TYPE)
        mark_seen(c, type->id); /* there may be headers in the body */
    if (type->id == HEADER_CONTENT_TRANSFER_ENCODING)
        note_encoding(c, &h);
    if (type->flags & HEADER_IS_MIME)
        class = MIME_MULTIPART;
    if (is_dropped_by_check(c, class, &h))
        return;
    if (class == MIME_PRIMARY && h.type->id != HEADER_OTHER)
        note_header(c, &h);
    if (cleanup_is_doomed(c))
        return;
    if (class == MIME_PRIMARY)
        write_header(c, &h);
    else
        content_write_line(c, h.raw);
}
