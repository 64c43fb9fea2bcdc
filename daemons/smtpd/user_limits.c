/* user_limits - how much a logged-in user may send in an hour and in a day
 *
 * A stolen password is worth as little as possible (smtpd_user_message_hourly_limit and
 * its kin).  The anvil program counts for all processes by login name, whatever the
 * client; smtpd_user_limit_exceptions has other limits for some logins.  A message counts
 * when MAIL, a recipient when RCPT has passed all other checks.
 */
#include "base/log.h"
#include "base/number.h"
#include "limits.h"

/* The parameters, and their names in smtpd_user_limit_exceptions. */
static const struct {
    enum parameter hour, day;
    const char *hour_name, *day_name, *what, *code;
} events[ANVIL_USER_EVENTS] = {
    [ANVIL_USER_MESSAGE] = {P_smtpd_user_message_hourly_limit,
                            P_smtpd_user_message_daily_limit, "message_hourly",
                            "message_daily", "message", "450 4.7.1"},
    [ANVIL_USER_RECIPIENT] = {P_smtpd_user_recipient_hourly_limit,
                              P_smtpd_user_recipient_daily_limit, "recipient_hourly",
                              "recipient_daily", "recipient", "452 4.7.1"},
};

static bool is_limit_name(struct view name)
{
    for (int i = 0; i < ANVIL_USER_EVENTS; i++)
        if (view_eq(name, view_of(events[i].hour_name)) ||
            view_eq(name, view_of(events[i].day_name)))
            return true;
    return false;
}

bool user_limits_parse(struct view text, enum anvil_user_event event,
                       struct anvil_user_limits *limits)
{
    struct anvil_user_limits found = *limits;
    struct view word, name, number;
    uint64_t value;
    if (view_eq_case(text, VIEW("none"))) {
        *limits = (struct anvil_user_limits){.hour = 0};
        return true;
    }
    while (view_token(&text, VIEW(", \t"), &word)) {
        if (!view_cut(word, '=', &name, &number) || !is_limit_name(name) ||
            !number_parse_u64(number, 0, UINT32_MAX, &value))
            return false;
        if (view_eq(name, view_of(events[event].hour_name)))
            found.hour = value;
        else if (view_eq(name, view_of(events[event].day_name)))
            found.day = value;
    }
    *limits = found;
    return true;
}

/* The limits of the user of S; a table that fails leaves the general ones. */
static struct anvil_user_limits limits_of(struct session *s, enum anvil_user_event event)
{
    const struct conf *c = s->server->conf;
    struct view user = s->facts.sasl_username, text;
    struct anvil_user_limits limits = {.hour = (uint64_t)conf_int(c, events[event].hour),
                                       .day = (uint64_t)conf_int(c, events[event].day)};
    struct error e = ERROR_INIT;
    if (maps_is_empty(s->server->user_limit_exceptions))
        return limits;
    struct arena *a = arena_new();
    enum table_result found =
        maps_get(s->server->user_limit_exceptions, user, a, &text, &e);
    if (found == TABLE_ERROR)
        log_warning("smtpd_user_limit_exceptions: lookup error for %.*s: %s",
                    VIEW_FMT(user), error_cstr(&e));
    else if (found == TABLE_FOUND && !user_limits_parse(text, event, &limits))
        log_warning("smtpd_user_limit_exceptions: %.*s: bad limits: %.*s", VIEW_FMT(user),
                    VIEW_FMT(text));
    arena_free(a);
    return limits;
}

static void refuse(struct session *s, enum anvil_user_event event, uint64_t count,
                   uint64_t limit, const char *period)
{
    struct view user = s->facts.sasl_username;
    struct view text =
        arena_printf(s->arena,
                     "%s <%.*s>: Sender login rejected: over the limit of %llu %ss in "
                     "%s; try again later",
                     events[event].code, VIEW_FMT(view_sub(user, 0, 255)),
                     (unsigned long long)limit, events[event].what, period);
    log_warning("User %s limit exceeded: %llu in %s by sasl_username=%.*s from %.*s for "
                "service %s",
                events[event].what, (unsigned long long)count, period, VIEW_FMT(user),
                VIEW_FMT(s->facts.client_display), s->server->service_name);
    access_log_event(&s->facts, "reject", text);
    reply_error_about(s, NOTICE_POLICY, "%.*s", VIEW_FMT(text));
}

bool limits_allow_user(struct session *s, enum anvil_user_event event)
{
    struct anvil_user_counts counts;
    if (s->facts.sasl_username.n == 0)
        return true;
    struct anvil_user_limits limits = limits_of(s, event);
    if (limits.hour == 0 && limits.day == 0)
        return true;
    if (!s->user_anvil && !s->anvil)
        s->user_anvil = anvil_dial(s->server->conf);
    struct ipc *anvil = s->anvil ? s->anvil : s->user_anvil;
    if (!anvil ||
        !anvil_count_user(anvil, s->facts.sasl_username, event, &limits, &counts))
        return true;
    if (limits.hour > 0 && counts.hour > limits.hour)
        refuse(s, event, counts.hour, limits.hour, "an hour");
    else if (limits.day > 0 && counts.day > limits.day)
        refuse(s, event, counts.day, limits.day, "a day");
    else
        return true;
    return false;
}
