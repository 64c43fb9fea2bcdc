/* forward - .forward files
 *
 * The first file of forward_path that is there counts; it must be a regular file of the
 * user's or root's that others cannot write.  Source: local(8); postconf(5),
 * forward_path.
 */
#include "errand.h"

#include "base/log.h"

#include <limits.h>

/* One path of forward_path. */
static void add_path(struct work *w, const struct context *c, const struct identity *user,
                     struct view text, struct errand *errand)
{
    struct view filter = conf_view(w->local->conf, P_forward_expansion_filter);
    struct str path = STR_INIT(PATH_MAX);
    struct error e = ERROR_INIT;
    bool used_extension = false;

    if (!macro_expand(w, c, user, text, filter, &path, &used_extension, &e))
        log_warning("forward_path: %s", error_cstr(&e));
    else if (path.n > 0 && (!used_extension || c->extension.n > 0)) {
        errand->with_extension[errand->n_paths] = used_extension;
        errand->paths[errand->n_paths++] = arena_cstr(w->d->arena, str_view(&path));
    }
    str_done(&path);
}

void forward_prepare(struct work *w, const struct context *c, const struct identity *user,
                     struct errand *errand)
{
    struct view rest = conf_view(w->local->conf, P_forward_path), text;

    errand->user = user;
    while (errand->n_paths < ERRAND_PATHS_MAX &&
           conf_token(&rest, VIEW(", \t\r\n"), &text))
        add_path(w, c, user, text, errand);
}

bool forward_expand(struct work *w, const struct context *from,
                    const struct identity *user, const struct errand *errand,
                    const struct errand_reply *reply)
{
    struct context *c = work_deeper(w, from);

    if (delivery_is_probe(w->d)) {
        work_sent(w, c, "forward via file: %s", errand->paths[reply->path_index]);
        return true;
    }
    c->source = FROM_FORWARD;
    c->identity = user;
    /* Mail to others on this host then goes on as a new message. */
    c->owner = user->name;
    if (!conf_bool(w->local->conf, P_frozen_delivered_to))
        c->delivered_to = c->recipient.address;
    c->unmatched =
        w->local->propagate & FROM_FORWARD && !errand->with_extension[reply->path_index]
            ? c->extension
            : VIEW_NONE;
    return work_expand(w, c, reply->text, true) > 0;
}
