/* missing - the headers that a message must have and did not bring
 *
 * (Resent-)Message-Id, Date, From, To, in that order behind the message's own.  Source:
 * cleanup(8), postconf(5) always_add_missing_headers, undisclosed_recipients_header,
 * header_from_format.
 */
#include "cleanup/cleanup_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "format/address_list.h"
#include "format/date.h"
#include "format/encoded_word.h"
#include "format/message_id.h"

#include <time.h>

#define HEADER_MAX 8192

static bool has_seen(const struct cleanup *c, enum header_id id)
{
    return c->seen >> id & 1;
}

/* Is the header PLAIN, or RESENT in a message that was sent on, not there? */
static bool is_missing(const struct cleanup *c, enum header_id plain,
                       enum header_id resent)
{
    return !has_seen(c, c->is_resent ? resent : plain);
}

static const char *prefix(const struct cleanup *c)
{
    return c->is_resent ? "Resent-" : "";
}

static time_t arrival(const struct cleanup *c)
{
    int64_t usec = c->envelope.arrival ? c->envelope.arrival : clock_wall();
    return (time_t)(usec / CLOCK_SECOND);
}

static void add_message_id(struct cleanup *c)
{
    struct str id = STR_INIT(HEADER_MAX), line = STR_INIT(HEADER_MAX);
    struct tm utc;
    time_t at = arrival(c);
    if (c->setup->long_ids || !gmtime_r(&at, &utc))
        str_addf(&id, "<%s@%.*s>", cleanup_id(c), VIEW_FMT(c->setup->myhostname));
    else
        message_id_make(&utc, view_of(cleanup_id(c)), c->setup->myhostname, &id);
    str_addf(&line, "%sMessage-Id: %s", prefix(c), str_cstr(&id));
    content_write_line(c, str_view(&line));
    log_info_as(c->setup->tag, "%s: %smessage-id=%s", cleanup_id(c),
                c->is_resent ? "resent-" : "", str_cstr(&id));
    if (!c->is_resent) {
        c->envelope.message_id = arena_dup(c->arena, str_view(&id));
        c->seen |= UINT64_C(1) << HEADER_MESSAGE_ID;
    }
    str_done(&line);
    str_done(&id);
}

static void add_date(struct cleanup *c)
{
    struct str line = STR_INIT(HEADER_MAX);
    char date[DATE_MAX];
    struct tm local;
    time_t at = arrival(c);
    if (!localtime_r(&at, &local))
        return;
    str_addf(&line, "%sDate: %s", prefix(c), date_format(date, &local));
    content_write_line(c, str_view(&line));
    str_done(&line);
}

static void add_from(struct cleanup *c)
{
    struct str line = STR_INIT(HEADER_MAX), utf8_name = STR_INIT(HEADER_MAX);
    struct view sender = c->envelope.sender, name = c->full_name;
    if (view_is_empty(sender)) {
        sender = VIEW("MAILER-DAEMON");
        name = VIEW_NONE;
    }
    if (!view_is_ascii(name) && charset_to_utf8(c->setup->name_charset, name, &utf8_name))
        name = str_view(&utf8_name);
    if (!view_is_utf8(name))
        name = VIEW_NONE;
    str_addf(&line, "%sFrom: ", prefix(c));
    mailbox_write(name, sender, c->setup->obsolete_from, &line);
    content_write_line(c, str_view(&line));
    str_done(&utf8_name);
    str_done(&line);
}

static void add_to(struct cleanup *c)
{
    struct view text = c->setup->undisclosed;
    if (view_is_empty(text))
        return;
    if (header_name_length(text) > 0)
        content_write_line(c, text);
    else
        log_warning_as(c->setup->tag,
                       "bad undisclosed_recipients_header header text \"%.*s\" -- need "
                       "\"headername: headervalue\"",
                       VIEW_FMT(text));
}

void missing_headers_add(struct cleanup *c)
{
    if (cleanup_is_doomed(c))
        return;
    bool complete = c->header_context != REWRITE_NONE || c->setup->always_add_missing ||
                    (c->flags & CLEANUP_ADD_MISSING);
    if (complete && is_missing(c, HEADER_MESSAGE_ID, HEADER_RESENT_MESSAGE_ID))
        add_message_id(c);
    if (!has_seen(c, HEADER_MESSAGE_ID))
        log_info_as(c->setup->tag, "%s: message-id=<>", cleanup_id(c));
    if (!complete)
        return;
    if (is_missing(c, HEADER_DATE, HEADER_RESENT_DATE))
        add_date(c);
    if (is_missing(c, HEADER_FROM, HEADER_RESENT_FROM))
        add_from(c);
    if (!has_seen(c, HEADER_TO) && !has_seen(c, HEADER_CC) &&
        !has_seen(c, HEADER_RESENT_TO) && !has_seen(c, HEADER_RESENT_CC))
        add_to(c);
}
