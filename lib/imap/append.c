/* append - APPEND and its kin; see append.h */
#include "append.h"

#include "base/number.h"
#include "imap_private.h"

#define CATENATE_MAX 1000 /* parts of one message */

/* "UTF8 (~{n}" */
static bool take_utf8(struct imap_input *in, struct imap_append *append)
{
    append->is_utf8 = true;
    return imap_take_space(in) && imap_take_char(in, '(') &&
           imap_take_literal_head(in, &append->literal);
}

bool imap_take_append(struct imap_input *in, struct imap_append *append)
{
    *append = (struct imap_append){0};
    if (imap_peek(in) == '(' &&
        (!imap_take_flag_list(in, &append->flags) || !imap_take_space(in)))
        return false;
    if (imap_peek(in) == '"') {
        append->has_date = true;
        if (!imap_take_date_time(in, &append->date, &append->offset) ||
            !imap_take_space(in))
            return false;
    }
    if (imap_accept_word(in, "UTF8"))
        return take_utf8(in, append);
    if (imap_accept_word(in, "CATENATE")) {
        append->is_catenate = true;
        return imap_take_space(in) && imap_take_char(in, '(');
    }
    return imap_take_literal_head(in, &append->literal);
}

bool imap_take_append_end(struct imap_input *in, const struct imap_append *append)
{
    return !append->is_utf8 || imap_take_char(in, ')');
}

bool imap_take_append_more(struct imap_input *in, bool *more)
{
    *more = imap_accept(in, ' ');
    return *more || imap_take_end(in);
}

bool imap_take_catenate(struct imap_input *in, struct imap_catenate *part)
{
    if (part->taken > 0 && imap_accept(in, ')')) {
        part->kind = IMAP_CATENATE_END;
        return true;
    }
    if (part->taken > 0 && !imap_take_space(in))
        return false;
    if (++part->taken > CATENATE_MAX)
        return imap_fail(in, "too many parts in CATENATE");
    if (imap_accept_word(in, "URL")) {
        part->kind = IMAP_CATENATE_URL;
        return imap_take_space(in) && imap_take_astring(in, &part->url);
    }
    part->kind = IMAP_CATENATE_TEXT;
    if (!imap_accept_word(in, "TEXT"))
        return imap_fail(in, "URL or TEXT is missing in CATENATE");
    return imap_take_space(in) && imap_take_literal_head(in, &part->literal);
}

/* Decode the %XX of an URL (RFC 3986 2.1); false: malformed, or a NUL. */
static bool decode_percent(struct arena *arena, struct view v, struct view *out)
{
    char *to = arena_alloc(arena, v.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < v.n; i++) {
        uint64_t value = (unsigned char)v.p[i];
        if (v.p[i] == '%') {
            struct view hex = view_sub(v, i + 1, 2);
            if (hex.n < 2 || !number_parse_base(hex, 16, 255, &value))
                return false;
            i += 2;
        }
        if (value == 0)
            return false;
        to[n++] = (char)value;
    }
    *out = (struct view){to, n};
    return view_is_utf8(*out) && n <= IMAP_MAILBOX_MAX;
}

/* Take ";KEY=value" up to the next "/" or ";", or the end, from *REST. */
static bool take_piece(struct view *rest, const char *key, struct view *value)
{
    struct view at = *rest;
    struct view name = view_of(key);
    if (at.n > 0 && at.p[0] == '/')
        at = view_from(at, 1);
    if (at.n == 0 || at.p[0] != ';' || !view_starts_case(view_from(at, 1), name))
        return false;
    at = view_from(at, 1 + name.n);
    size_t n = view_find_any(at, VIEW("/;"));
    *value = view_sub(at, 0, n);
    *rest = view_from(at, value->n);
    return true;
}

static bool parse_range(struct view text, struct imap_url *url)
{
    struct view offset, count;
    url->has_partial = true;
    bool has_count = view_cut(text, '.', &offset, &count);
    return number_parse_u64(offset, 0, INT64_MAX, &url->offset) &&
           (!has_count || number_parse_u64(count, 1, INT64_MAX, &url->count));
}

/* "INBOX;UIDVALIDITY=1" in front of "/;UID=" */
static bool parse_mailbox(struct arena *arena, struct view *rest, struct imap_url *url)
{
    struct view value;
    uint64_t number;
    size_t n = view_find(*rest, ';');
    struct view name = view_sub(*rest, 0, n);
    *rest = view_from(*rest, name.n);
    if (view_ends(name, VIEW("/")))
        name.n--;
    if (!decode_percent(arena, name, &url->mailbox))
        return false;
    if (view_eq_case(url->mailbox, VIEW("INBOX")))
        url->mailbox = VIEW("INBOX");
    if (!take_piece(rest, "UIDVALIDITY=", &value))
        return true;
    if (!number_parse_u64(value, 1, UINT32_MAX, &number))
        return false;
    url->uidvalidity = (uint32_t)number;
    return true;
}

bool imap_url_parse(struct arena *arena, struct view text, struct imap_url *url)
{
    struct view value;
    uint64_t uid;
    *url = (struct imap_url){.mailbox = VIEW("")};
    bool absolute = text.n > 0 && text.p[0] == '/' && !view_starts(text, VIEW("/;"));
    if (absolute) {
        text = view_from(text, 1);
        if (view_starts(text, VIEW("/")) || !parse_mailbox(arena, &text, url))
            return false;
    }
    if (!take_piece(&text, "UID=", &value) ||
        !number_parse_u64(value, 1, UINT32_MAX, &uid))
        return false;
    url->uid = (uint32_t)uid;
    if (take_piece(&text, "SECTION=", &value)) {
        struct view section;
        url->has_section = true;
        if (!decode_percent(arena, value, &section) ||
            !imap_section_parse(arena, section, &url->section))
            return false;
    }
    if (take_piece(&text, "PARTIAL=", &value) && !parse_range(value, url))
        return false;
    return text.n == 0;
}
