/* content - the message itself: headers put in front, loops recognised */
#include "agent/agent_private.h"

#include "format/address.h"
#include "format/header.h"

#include <errno.h>

/* Headers are searched for Delivered-To: up to here; ours are at the top. */
#define HEADERS_MAX ((uint64_t)256 * 1024)

/* The addresses in Delivered-To: headers, as written. */
struct delivered_to {
    struct view *items;
    size_t n, room;
};

/* The first SIZE bytes of the content, in the arena. */
static bool read_start(struct delivery *d, uint64_t size, struct view *out)
{
    struct copy_source s = {.fd = d->content_fd, .size = size};
    char *p = arena_alloc(d->arena, (size_t)size + 1);

    for (uint64_t done = 0; done < size;) {
        ptrdiff_t n = copy_source_read(&s, done, p + done, (size_t)(size - done));
        if (n <= 0)
            return false;
        done += (uint64_t)n;
    }
    *out = (struct view){p, (size_t)size};
    return true;
}

bool delivery_content(struct delivery *d, struct copy_source *out, struct error *e)
{
    if (d->content.size == 0 && d->content_size > 0) {
        d->content = (struct copy_source){.fd = d->content_fd, .size = d->content_size};
        if (d->content_size <= COPY_SMALL &&
            !read_start(d, d->content_size, &d->content.memory)) {
            d->content.size = 0;
            error_set_errno(e, "4.3.0", "cannot read the message");
            return false;
        }
    }
    *out = d->content;
    if (d->content_size == 0)
        out->memory = VIEW("");
    return true;
}

static void remember(struct delivery *d, struct delivered_to *list, struct view address)
{
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 8;
        struct view *items = arena_alloc_array(d->arena, room, sizeof *items);
        if (list->n > 0)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->n++] = address;
}

/* Collect the Delivered-To: headers; an unreadable message has none, and fails later. */
static void scan_headers(struct delivery *d)
{
    struct error e = ERROR_INIT;
    struct copy_source source;
    struct view rest;
    struct header h;

    d->delivered_to = ARENA_NEW(d->arena, struct delivered_to);
    if (!delivery_content(d, &source, &e))
        return;
    rest = source.memory;
    if (!rest.p &&
        !read_start(d, source.size < HEADERS_MAX ? source.size : HEADERS_MAX, &rest))
        return;
    while (header_next(&rest, &h) == HEADER_NEXT_FIELD)
        if (view_eq_case(h.name, VIEW("Delivered-To")))
            remember(d, d->delivered_to, view_trim_space(h.body));
}

bool delivery_has_loop(struct delivery *d, struct view address, struct error *e)
{
    struct str quoted = STR_INIT(ADDRESS_QUOTED_MAX);
    bool found = false;

    if (!d->delivered_to)
        scan_headers(d);
    address_quote_822(address, &quoted);
    for (size_t i = 0; i < d->delivered_to->n && !found; i++)
        found = view_eq_case(d->delivered_to->items[i], str_view(&quoted));
    if (found)
        error_set(e, "5.4.6", "mail forwarding loop for %.*s", VIEW_FMT(address));
    str_done(&quoted);
    return found;
}

/* "Name: address" in external form. */
static void add_header(struct str *out, const char *before, struct view address,
                       const char *after)
{
    str_add_cstr(out, before);
    address_quote_822(address, out);
    str_add_cstr(out, after);
}

bool delivery_headers(const struct delivery *d, const struct delivery_recipient *r,
                      unsigned which, struct view delivered_to, struct str *out)
{
    if (which & DELIVERY_RETURN_PATH)
        add_header(out, "Return-Path: <", d->envelope.sender, ">\n");
    if ((which & DELIVERY_ORIGINAL_TO) && d->policy->original_recipient &&
        r->in.original.n > 0)
        add_header(out, "X-Original-To: ", r->in.original, "\n");
    if (which & DELIVERY_DELIVERED_TO)
        add_header(out, "Delivered-To: ", delivered_to, "\n");
    return !out->overflow;
}

bool delivery_from_sender(struct view sender, struct str *out)
{
    if (sender.n == 0)
        return str_add(out, VIEW("MAILER-DAEMON"));
    return address_quote_822(sender, out);
}
