/* macro - $user, $home and the like in forward_path, luser_relay and
 * command_execution_directory
 *
 * Source: local(8); postconf(5), forward_path.
 */
#include "local.h"

#include "conf/expand.h"

struct macros {
    struct work *work;
    const struct context *context;
    const struct identity *user;
    struct view filter;
    bool used_extension;
};

struct view macro_filter(struct arena *a, struct view v, struct view filter)
{
    struct view copy = arena_dup(a, v);
    union {
        const char *in;
        char *out;
    } p = {.in = copy.p};

    for (size_t i = 0; i < copy.n; i++)
        if (!view_has(filter, p.out[i]))
            p.out[i] = '_';
    return copy;
}

/* The delimiter in front of the extension, else the first that is configured. */
static struct view delimiter(const struct macros *m)
{
    const struct context *c = m->context;

    if (c->local.n > c->user.n)
        return view_sub(c->local, c->user.n, 1);
    return view_sub(m->work->local->delimiters.set, 0, 1);
}

static bool find(struct macros *m, struct view name, struct view *value)
{
    const struct context *c = m->context;
    const struct identity *u = m->user;
    struct view local, domain;

    address_split(c->recipient.address, &local, &domain);
    const struct {
        struct view name, value;
    } all[] = {{VIEW("user"), c->user},
               {VIEW("home"), u ? u->home : VIEW_NONE},
               {VIEW("shell"), u ? u->shell : VIEW_NONE},
               {VIEW("recipient"), c->recipient.address},
               {VIEW("extension"), c->extension},
               {VIEW("domain"), domain},
               {VIEW("local"), c->local},
               {VIEW("recipient_delimiter"), delimiter(m)}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (view_eq(name, all[i].name)) {
            *value = all[i].value;
            return true;
        }
    }
    return false;
}

static bool add(struct view name, struct str *out, struct error *e, void *arg)
{
    struct macros *m = arg;
    struct view value;

    if (!find(m, name, &value)) {
        error_set(e, "4.3.5", "unknown macro name \"%.*s\"", VIEW_FMT(name));
        return false;
    }
    if (view_eq(name, VIEW("extension")))
        m->used_extension = true;
    if (m->filter.n > 0)
        value = macro_filter(m->work->d->arena, value, m->filter);
    return str_add(out, value);
}

bool macro_expand(struct work *w, const struct context *c, const struct identity *user,
                  struct view text, struct view filter, struct str *out,
                  bool *used_extension, struct error *e)
{
    struct macros m = {.work = w, .context = c, .user = user, .filter = filter};
    bool ok = expand_text(text, add, &m, out, e);

    if (used_extension)
        *used_extension = m.used_extension;
    return ok;
}
