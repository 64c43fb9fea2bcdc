/* setup - the attributes of a pipe service in master.cf
 *
 * "user" must be nobody with power: not root, not the mail owner.  An instance of an
 * ordinary user runs commands as that user, whoever is named.
 */
#include "pipe.h"

#include "base/log.h"
#include "base/number.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

bool pipe_unescape(struct view v, struct str *out)
{
    static const char letters[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";

    while (v.n > 0) {
        char c = *v.p;
        v = view_from(v, 1);
        if (c != '\\' || v.n == 0) {
            str_add_char(out, c);
            continue;
        }
        const char *letter = memchr(letters, *v.p, sizeof letters - 1);
        size_t digits = 0;
        unsigned value = 0;
        while (digits < 3 && digits < v.n && v.p[digits] >= '0' && v.p[digits] <= '7')
            value = value * 8 + (unsigned)(v.p[digits++] - '0');
        if (digits > 0)
            str_add_char(out, (char)(value & 0xff));
        else
            str_add_char(out, letter ? values[letter - letters] : *v.p);
        v = view_from(v, digits > 0 ? digits : 1);
    }
    return !out->overflow;
}

static void read_flags(struct view v, unsigned *flags)
{
    static const char letters[] = "BDFORXhqu.>";

    for (size_t i = 0; i < v.n; i++) {
        const char *at = memchr(letters, v.p[i], sizeof letters - 1);
        if (at)
            *flags |= 1u << (at - letters);
        else if (v.p[i] != ' ' && v.p[i] != '\t')
            log_warning("unknown flag: %c (ignored)", v.p[i]);
    }
}

/* Nobody with rights over the mail system. */
static bool check_user(const struct service *s, const struct pipe_setup *p,
                       struct error *e)
{
    const char *owner = conf_cstr(s->conf, P_mail_owner);

    if (p->uid == 0)
        error_set(e, "4.3.5", "user= command-line attribute specifies root privileges");
    else if (p->uid == s->owner_uid)
        error_set(e, "4.3.5",
                  "user= command-line attribute specifies mail system owner %s", owner);
    else if (p->gid == 0)
        error_set(e, "4.3.5",
                  "user= command-line attribute specifies privileged group id 0");
    else if (p->gid == s->owner_gid)
        error_set(
            e, "4.3.5",
            "user= command-line attribute specifies mail system owner %s group id %ld",
            owner, (long)p->gid);
    else
        return true;
    return false;
}

/* "name" or "name:group", names or numbers. */
static bool read_user(const struct service *s, struct arena *a, struct view v,
                      struct pipe_setup *p, struct error *e)
{
    struct view user, group;

    if (!s->is_root) { /* see above */
        log_info(
            "%s: not started by root: user=%.*s is not applied; commands run as uid %ld",
            s->name, VIEW_FMT(v), (long)geteuid());
        return true;
    }
    view_cut(v, ':', &user, &group);
    const struct passwd *pw = getpwnam(arena_cstr(a, user));
    if (!pw) {
        error_set(e, "4.3.5", "%s: unknown username: %.*s", s->name, VIEW_FMT(user));
        return false;
    }
    p->set_ids = true;
    p->uid = pw->pw_uid;
    p->gid = pw->pw_gid;
    if (group.n > 0) {
        const struct group *gr = getgrnam(arena_cstr(a, group));
        if (!gr) {
            error_set(e, "4.3.5", "%s: unknown group: %.*s", s->name, VIEW_FMT(group));
            return false;
        }
        p->gid = gr->gr_gid;
    }
    return check_user(s, p, e);
}

static bool read_size(const struct service *s, struct view v, struct pipe_setup *p,
                      struct error *e)
{
    if (number_parse_u64(v, 0, UINT64_MAX, &p->size_limit))
        return true;
    error_set(e, "4.3.5", "%s: bad size= value: %.*s", s->name, VIEW_FMT(v));
    return false;
}

static bool read_line_end(struct arena *a, struct view v, struct pipe_setup *p,
                          struct error *e)
{
    struct str out = STR_INIT(16);
    bool ok = pipe_unescape(v, &out);

    if (ok)
        p->line_end = arena_dup(a, str_view(&out));
    else
        error_set(e, "4.3.5", "eol= is longer than 16 bytes");
    str_done(&out);
    return ok;
}

/* All behind argv= is the command. */
static void read_argv(const struct service *s, struct arena *a, size_t at,
                      struct view first, struct pipe_setup *p)
{
    struct view *argv = arena_alloc_array(a, s->n_args - at, sizeof *argv);

    if (first.n > 0)
        argv[p->argc++] = first;
    for (size_t i = at + 1; i < s->n_args; i++)
        argv[p->argc++] = view_of(s->args[i]);
    p->argv = argv;
}

static bool read_attribute(const struct service *s, struct arena *a, struct view name,
                           struct view value, struct pipe_setup *p, struct error *e)
{
    if (view_eq(name, VIEW("flags")))
        read_flags(value, &p->flags);
    else if (view_eq(name, VIEW("user")))
        return read_user(s, a, value, p, e);
    else if (view_eq(name, VIEW("null_sender")))
        p->null_sender = value;
    else if (view_eq(name, VIEW("size")))
        return read_size(s, value, p, e);
    else if (view_eq(name, VIEW("eol")))
        return read_line_end(a, value, p, e);
    else if (view_eq(name, VIEW("directory")))
        p->directory = arena_cstr(a, value);
    else if (view_eq(name, VIEW("chroot")))
        p->chroot = arena_cstr(a, value);
    else {
        error_set(e, "4.3.5", "unknown attribute name: %.*s", VIEW_FMT(name));
        return false;
    }
    return true;
}

/* What must not be missing. */
static bool check_whole(const struct pipe_setup *p, bool has_user, struct error *e)
{
    if (!has_user)
        error_set(e, "4.3.5", "missing user= command-line attribute");
    else if (p->argc == 0)
        error_set(e, "4.3.5", "missing argv= command-line attribute");
    else
        return true;
    return false;
}

bool pipe_setup_read(const struct service *s, struct arena *a, struct pipe_setup *p,
                     struct error *e)
{
    bool has_user = false;

    *p = (struct pipe_setup){
        .null_sender = VIEW("MAILER-DAEMON"),
        .line_end = VIEW("\n"),
        .delimiters = {.set = conf_view(s->conf, P_recipient_delimiter),
                       .ownreq_special = conf_bool(s->conf, P_owner_request_special)}};
    for (size_t i = 0; i < s->n_args; i++) {
        struct view name, value;
        view_cut(view_of(s->args[i]), '=', &name, &value);
        if (view_eq(name, VIEW("argv"))) {
            read_argv(s, a, i, value, p);
            break;
        }
        has_user = has_user || view_eq(name, VIEW("user"));
        if (!read_attribute(s, a, name, value, p, e))
            return false;
    }
    return check_whole(p, has_user, e);
}
