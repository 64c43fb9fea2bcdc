/* policy_options - "{ inet:host:port, timeout=10s, default_action=DUNNO }"
 *
 * What is not said there comes from smtpd_policy_service_*.
 */
#include "access/policy_private.h"

#include "base/number.h"

static void read_defaults(struct policy_service *p)
{
    const struct conf *c = p->conf;
    p->default_action = conf_view(c, P_smtpd_policy_service_default_action);
    p->context = conf_view(c, P_smtpd_policy_service_policy_context);
    p->timeout = conf_time(c, P_smtpd_policy_service_timeout);
    p->retry_delay = conf_time(c, P_smtpd_policy_service_retry_delay);
    p->max_idle = conf_time(c, P_smtpd_policy_service_max_idle);
    p->max_ttl = conf_time(c, P_smtpd_policy_service_max_ttl);
    p->request_limit = conf_int(c, P_smtpd_policy_service_request_limit);
    p->try_limit = conf_int(c, P_smtpd_policy_service_try_limit);
}

/* One "name=value" of the braces; false when it is unknown or malformed. */
static bool take_option(struct policy_service *p, struct view name, struct view value)
{
    const struct {
        const char *name;
        int64_t *time, *number;
        struct view *text;
    } options[] = {
        {"timeout", &p->timeout, NULL, NULL},
        {"retry_delay", &p->retry_delay, NULL, NULL},
        {"max_idle", &p->max_idle, NULL, NULL},
        {"max_ttl", &p->max_ttl, NULL, NULL},
        {"request_limit", NULL, &p->request_limit, NULL},
        {"try_limit", NULL, &p->try_limit, NULL},
        {"default_action", NULL, NULL, &p->default_action},
        {"policy_context", NULL, NULL, &p->context},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (!view_eq(name, view_of(options[i].name)))
            continue;
        if (options[i].time)
            return number_parse_time(value, 's', options[i].time);
        if (options[i].number)
            return number_parse_i64(value, 0, INT32_MAX, options[i].number);
        *options[i].text = value;
        return true;
    }
    return false;
}

/* "name = value", or that in braces of its own, where the value may hold blanks. */
static bool take_word(struct policy_service *p, struct view word)
{
    struct view name, value;
    if (word.n >= 2 && word.p[0] == '{' && word.p[word.n - 1] == '}')
        word = view_sub(word, 1, word.n - 2);
    return view_cut(word, '=', &name, &value) &&
           take_option(p, view_trim_space(name), view_trim_space(value));
}

bool policy_options_read(struct policy_service *p, struct arena *a, struct view argument,
                         struct error *e)
{
    struct view word;
    read_defaults(p);
    p->text = argument = arena_dup(a, argument);
    if (!view_token_braced(&argument, VIEW(", \t\r\n"), &p->endpoint) ||
        !view_has(p->endpoint, ':')) {
        error_set(e, "4.3.5", "policy service \"%.*s\": need inet:host:port or unix:path",
                  VIEW_FMT(p->text));
        return false;
    }
    while (view_token_braced(&argument, VIEW(", \t\r\n"), &word)) {
        if (!take_word(p, word)) {
            error_set(e, "4.3.5", "policy service %.*s: bad option \"%.*s\"",
                      VIEW_FMT(p->endpoint), VIEW_FMT(word));
            return false;
        }
    }
    if (p->try_limit < 1)
        p->try_limit = 1;
    return true;
}
