/* listing - the queue in the form of mailq */
#include "listing.h"

#include "base/number.h"

#include <time.h>

/* --- a reader for the JSON that qmgr writes (RFC 8259) --- */

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

/* --- the listing --- */

/* ID and size columns, for short and long queue IDs. */
static const struct columns {
    int id, size, date;
} columns[] = {{11, 7, 20}, {17, 8, 19}};

void listing_heading(bool long_ids, struct str *out)
{
    str_add_cstr(out, long_ids ? "----Queue ID----- --Size-- ---Arrival Time---- "
                                 "--Sender/Recipient------\n"
                               : "-Queue ID-  --Size-- ----Arrival Time---- "
                                 "-Sender/Recipient-------\n");
}

/* "Sat Nov 22 03:05:55 2025", of which the columns show the first part. */
static const char *date_text(int64_t seconds, char buffer[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!localtime_r(&t, &tm) || strftime(buffer, 32, "%a %b %e %H:%M:%S %Y", &tm) == 0)
        buffer[0] = '\0';
    return buffer;
}

static void add_recipient(const struct columns *c, const struct listed_recipient *r,
                          struct view *last_reason, struct str *out)
{
    enum { REASON_COLUMN = 76 };

    if (r->reason.n > 0 && !view_eq(r->reason, *last_reason)) {
        int padding = r->reason.n < REASON_COLUMN ? REASON_COLUMN - (int)r->reason.n : 0;
        str_addf(out, "%*s(%.*s)\n", padding, "", VIEW_FMT(r->reason));
        *last_reason = r->reason;
    }
    str_addf(out, "%-*s %*s %-*s %.*s\n", c->id, "", c->size, "", c->date, "",
             VIEW_FMT(r->address));
}

void listing_message(bool long_ids, const struct listed_message *m, struct str *out)
{
    const struct columns *c = &columns[long_ids];
    struct str id = STR_INIT(64);
    struct view last_reason = VIEW_NONE, sender = m->sender;
    char date[32];

    str_add(&id, m->queue_id);
    if (view_eq(m->queue_name, VIEW("active")))
        str_add_char(&id, '*');
    else if (view_eq(m->queue_name, VIEW("hold")))
        str_add_char(&id, '!');
    if (m->forced_expire)
        str_add_char(&id, '#');
    if (sender.n == 0)
        sender = VIEW("MAILER-DAEMON");
    str_addf(out, "%-*s %*llu %*.*s %.*s\n", c->id, str_cstr(&id), c->size,
             (unsigned long long)m->size, c->date, c->date, date_text(m->arrival, date),
             VIEW_FMT(sender));
    for (size_t i = 0; i < m->n_recipients; i++)
        add_recipient(c, &m->recipients[i], &last_reason, out);
    str_add_char(out, '\n');
    str_done(&id);
}
