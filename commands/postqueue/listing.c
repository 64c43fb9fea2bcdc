/* listing - the queue in the form of mailq */
#include "listing.h"

#include <time.h>

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
