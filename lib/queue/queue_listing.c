/* queue_listing - read lines of "postqueue -j" */
#include "queue/queue_listing.h"

#include "base/number.h"

/* A reader for the JSON that queue_list.c writes (RFC 8259). */
struct json {
    struct arena *arena;
    const char *p, *end;
};

static void skip_space(struct json *j)
{
    while (j->p < j->end &&
           (*j->p == ' ' || *j->p == '\t' || *j->p == '\r' || *j->p == '\n'))
        j->p++;
}

static bool take_char(struct json *j, char c)
{
    skip_space(j);
    if (j->p == j->end || *j->p != c)
        return false;
    j->p++;
    return true;
}

static bool take_hex4(struct json *j, unsigned *code)
{
    uint64_t value;

    if (j->end - j->p < 4 ||
        !number_parse_base((struct view){j->p, 4}, 16, 0xffff, &value))
        return false;
    j->p += 4;
    *code = (unsigned)value;
    return true;
}

static void add_utf8(struct str *out, unsigned code)
{
    if (code < 0x80) {
        str_add_char(out, (char)code);
    } else if (code < 0x800) {
        str_add_char(out, (char)(0xc0 | code >> 6));
        str_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        str_add_char(out, (char)(0xe0 | code >> 12));
        str_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        str_add_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* What follows a backslash. */
static bool take_escape(struct json *j, struct str *out)
{
    static const char letters[] = "bfnrt\"\\/", meanings[] = "\b\f\n\r\t\"\\/";
    unsigned code;

    if (j->p == j->end)
        return false;
    char c = *j->p++;
    if (c == 'u') {
        if (!take_hex4(j, &code))
            return false;
        add_utf8(out, code);
        return true;
    }
    const char *found = c ? strchr(letters, c) : NULL;
    return found && str_add_char(out, meanings[found - letters]);
}

static bool take_string(struct json *j, struct view *out)
{
    struct str s = STR_INIT(1u << 16);
    bool ok = take_char(j, '"');

    while (ok && j->p < j->end && *j->p != '"') {
        char c = *j->p++;
        ok = c == '\\' ? take_escape(j, &s) : str_add_char(&s, c);
    }
    ok = ok && take_char(j, '"');
    *out = arena_dup(j->arena, str_view(&s));
    str_done(&s);
    return ok;
}

/* A number, true, false or null, as it stands. */
static bool take_word(struct json *j, struct view *out)
{
    skip_space(j);
    const char *start = j->p;
    while (j->p < j->end &&
           (ascii_is_alnum(*j->p) || *j->p == '-' || *j->p == '+' || *j->p == '.'))
        j->p++;
    *out = (struct view){start, (size_t)(j->p - start)};
    return out->n > 0;
}

/* Any value without nesting. */
static bool take_scalar(struct json *j, struct view *out)
{
    skip_space(j);
    return j->p < j->end && *j->p == '"' ? take_string(j, out) : take_word(j, out);
}

static bool take_recipient(struct json *j, struct listed_recipient *r)
{
    struct view key, value;

    *r = (struct listed_recipient){.address = VIEW_NONE};
    if (!take_char(j, '{'))
        return false;
    do {
        if (!take_string(j, &key) || !take_char(j, ':') || !take_scalar(j, &value))
            return false;
        if (view_eq(key, VIEW("address")))
            r->address = value;
        else if (view_eq(key, VIEW("delay_reason")))
            r->reason = value;
    } while (take_char(j, ','));
    return take_char(j, '}');
}

static bool take_recipients(struct json *j, struct listed_message *m)
{
    size_t room = 0;

    if (!take_char(j, '['))
        return false;
    if (take_char(j, ']'))
        return true;
    do {
        if (m->n_recipients == room) {
            room = room ? room * 2 : 8;
            struct listed_recipient *more =
                arena_alloc_array(j->arena, room, sizeof *more);
            if (m->n_recipients)
                memcpy(more, m->recipients, m->n_recipients * sizeof *more);
            m->recipients = more;
        }
        if (!take_recipient(j, &m->recipients[m->n_recipients++]))
            return false;
    } while (take_char(j, ','));
    return take_char(j, ']');
}

static bool take_member(struct json *j, struct listed_message *m)
{
    struct view key, value;

    if (!take_string(j, &key) || !take_char(j, ':'))
        return false;
    if (view_eq(key, VIEW("recipients")))
        return take_recipients(j, m);
    if (!take_scalar(j, &value))
        return false;
    if (view_eq(key, VIEW("queue_name")))
        m->queue_name = value;
    else if (view_eq(key, VIEW("queue_id")))
        m->queue_id = value;
    else if (view_eq(key, VIEW("sender")))
        m->sender = value;
    else if (view_eq(key, VIEW("forced_expire")))
        m->forced_expire = view_eq(value, VIEW("true"));
    else if (view_eq(key, VIEW("arrival_time")))
        return number_parse_i64(value, 0, INT64_MAX, &m->arrival);
    else if (view_eq(key, VIEW("message_size")))
        return number_parse_u64(value, 0, UINT64_MAX, &m->size);
    return true;
}

bool listing_parse(struct arena *a, struct view line, struct listed_message *out)
{
    struct json j = {a, line.p, line.p + line.n};

    *out = (struct listed_message){.arrival = 0};
    if (!take_char(&j, '{'))
        return false;
    do {
        if (!take_member(&j, out))
            return false;
    } while (take_char(&j, ','));
    bool ok = take_char(&j, '}');
    skip_space(&j);
    return ok && j.p == j.end && out->queue_id.n > 0;
}
