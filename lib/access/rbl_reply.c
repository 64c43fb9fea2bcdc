/* rbl_reply - what a client on a DNS list is told (default_rbl_reply, rbl_reply_maps) */
#include "access/rbl_private.h"

#include "base/log.h"
#include "base/number.h"
#include "conf/expand.h"
#include "format/address.h"
#include "format/dsn_code.h"

#define REPLY_MAX 2048

static struct view or_null(struct view v)
{
    return view_is_empty(v) ? VIEW("<>") : v;
}

/* The part of ADDRESS that SUFFIX names: "" all, "_name", "_domain". */
static void add_part(struct view address, struct view suffix, struct str *out)
{
    struct view local = address, domain = VIEW_NONE;
    (void)address_split(address, &local, &domain);
    if (view_is_empty(suffix))
        str_add(out, or_null(address));
    else if (view_eq(suffix, VIEW("_name")))
        str_add(out, or_null(local));
    else
        str_add(out, domain);
}

static bool expand_name(struct view name, struct str *out, struct error *e, void *arg)
{
    const struct rbl_answer *r = arg;
    const struct access_subject *s = r->run->subject;
    const struct {
        const char *name;
        struct view value;
    } plain[] = {
        {"client", s->client_display},   {"client_address", s->client_address},
        {"client_name", s->client_name}, {"reverse_client_name", s->reverse_name},
        {"helo_name", s->helo_name},     {"rbl_class", view_of(r->class)},
        {"rbl_domain", r->list},         {"rbl_reason", r->reason},
        {"rbl_txt", r->reason},          {"rbl_what", r->what},
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (view_eq(name, view_of(plain[i].name)))
            return str_add(out, plain[i].value);
    }
    if (view_eq(name, VIEW("rbl_code")))
        str_addf(out, "%lld",
                 (long long)conf_int(r->run->access->conf, P_maps_rbl_reject_code));
    else if (view_starts(name, VIEW("recipient")))
        add_part(s->recipient, view_from(name, strlen("recipient")), out);
    else if (view_starts(name, VIEW("sender")))
        add_part(s->sender, view_from(name, strlen("sender")), out);
    else
        error_set(e, "4.3.5", "unknown macro name \"%.*s\"", VIEW_FMT(name));
    return !error_is_set(e);
}

/* Expand TEMPLATE; false when it is no good. */
static bool expand(const struct rbl_answer *r, struct view template, struct str *out)
{
    struct error *e = &r->run->error;
    error_clear(e);
    if (expand_text(template, expand_name, (void *)(uintptr_t)r, out, e))
        return true;
    log_warning("bad rbl reply template for domain %.*s: %s", VIEW_FMT(r->list), e->text);
    str_clear(out);
    return false;
}

/* The template of this list, else the one for all. */
static void write_reply(const struct rbl_answer *r, struct str *out)
{
    struct access *a = r->run->access;
    struct view template;
    if (!maps_is_empty(a->rbl_replies)) {
        enum table_result found =
            maps_get(a->rbl_replies, r->list, r->run->arena, &template, &r->run->error);
        if (found == TABLE_ERROR)
            log_warning("rbl_reply_maps: %s", r->run->error.text);
        if (found == TABLE_FOUND && expand(r, template, out))
            return;
    }
    (void)expand(r, conf_view(a->conf, P_default_rbl_reply), out);
}

enum access_says rbl_refuse(const struct rbl_answer *r)
{
    struct str text = STR_INIT(REPLY_MAX);
    char status[DSN_CODE_MAX];
    struct view rest;
    int code;
    write_reply(r, &text);
    struct view reply = arena_dup(r->run->arena, str_view(&text));
    str_done(&text);
    if (!number_parse_int(view_sub(reply, 0, 3), 400, 599, &code)) {
        log_warning("rbl response code configuration error: %.*s", VIEW_FMT(reply));
        code = 450;
        rest = VIEW("Service unavailable");
    } else {
        rest = view_trim_space(view_from(reply, 3));
    }
    rest = dsn_code_split(rest, "4.7.1", status);
    access_fix_status(status, r->about);
    dsn_code_set_class(status, (char)('0' + code / 100));
    return access_refuse(r->run, code, status, "%.*s", VIEW_FMT(rest));
}
