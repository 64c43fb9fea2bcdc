/* footer - smtpd_reject_footer: a word to those who are refused
 *
 * Text behind every 4xx and 5xx reply, with $client_address, $client_port, $localtime and
 * $server_name.  "\n" in it begins a new line, "\c" in front stays on the line of the
 * reply.  postconf(5).
 */
#include "base/log.h"
#include "base/number.h"
#include "conf/expand.h"
#include "session.h"

#include <time.h>

#define FOOTER_MAX 2048

static void add_time(struct str *out)
{
    char text[32];
    struct tm local;
    time_t now = time(NULL);
    if (localtime_r(&now, &local) &&
        strftime(text, sizeof text, "%b %d %H:%M:%S", &local))
        str_add_cstr(out, text);
}

/* The bytes that SET allows: smtpd_expansion_filter with \t, \40 and \\ in it. */
static void read_filter(struct view set, bool allowed[256])
{
    memset(allowed, 0, 256);
    while (set.n > 0) {
        size_t used = 1;
        int c = (unsigned char)set.p[0];
        uint64_t octal;
        if (c == '\\' && set.n > 1) {
            size_t digits = 1;
            while (digits < 4 && digits < set.n && set.p[digits] >= '0' &&
                   set.p[digits] <= '7')
                digits++;
            used = digits > 1 ? digits : 2;
            if (number_parse_base(view_sub(set, 1, digits - 1), 8, 255, &octal))
                c = (int)octal;
            else
                c = set.p[1] == 't' ? '\t' : (unsigned char)set.p[1];
        }
        allowed[c] = true;
        set = view_from(set, used);
    }
}

/* What VALUE may not hold becomes "_". */
static void add_censored(const struct session *s, struct view value, struct str *out)
{
    bool allowed[256];
    read_filter(conf_view(s->server->conf, P_smtpd_expansion_filter), allowed);
    for (size_t i = 0; i < value.n; i++)
        str_add_char(out, allowed[(unsigned char)value.p[i]] ? value.p[i] : '_');
}

static bool expand_name(struct view name, struct str *out, struct error *e, void *arg)
{
    const struct session *s = arg;
    if (view_eq(name, VIEW("client_address")))
        add_censored(s, s->facts.client_address, out);
    else if (view_eq(name, VIEW("client_port")))
        add_censored(s, s->facts.client_port, out);
    else if (view_eq(name, VIEW("server_name")))
        add_censored(s, conf_view(s->server->conf, P_myhostname), out);
    else if (view_eq(name, VIEW("localtime")))
        add_time(out);
    else
        error_set(e, "4.3.5", "unknown macro name \"%.*s\" in reject footer",
                  VIEW_FMT(name));
    return !error_is_set(e);
}

/* The template for REPLY; empty when there is none.  In the arena A. */
static struct view find_footer(struct session *s, struct view reply, struct arena *a)
{
    struct view found;
    struct error e = ERROR_INIT;
    if (s->server->reject_footers && !maps_is_empty(s->server->reject_footers)) {
        enum table_result result =
            maps_get(s->server->reject_footers, reply, a, &found, &e);
        if (result == TABLE_FOUND)
            return found;
        if (result == TABLE_ERROR)
            log_warning("smtpd_reject_footer_maps lookup error: %s", e.text);
    }
    return conf_view(s->server->conf, P_smtpd_reject_footer);
}

/* "\n" as written becomes a line end; code and status of each line come when it is sent.
 */
static void add_lines(struct view text, struct str *out)
{
    size_t cut;
    while ((cut = view_find_view(text, VIEW("\\n"))) != VIEW_NPOS) {
        str_add(out, view_sub(text, 0, cut));
        str_add_char(out, '\n');
        text = view_from(text, cut + 2);
    }
    str_add(out, text);
}

bool footer_append(struct session *s, struct view text, struct str *out)
{
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct view footer = find_footer(s, text, a);
    struct str expanded = STR_INIT(FOOTER_MAX);
    bool found = !view_is_empty(footer);
    if (found && !expand_text(footer, expand_name, s, &expanded, &e)) {
        log_warning("truncated reject footer or error: %s", e.text);
        found = false;
    }
    if (found) {
        struct view plain = str_view(&expanded);
        bool same_line = view_starts(plain, VIEW("\\c"));
        str_add(out, text);
        if (!same_line)
            str_add_char(out, '\n');
        add_lines(view_from(plain, same_line ? 2 : 0), out);
    }
    str_done(&expanded);
    arena_free(a);
    return found;
}
