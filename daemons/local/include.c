/* include - :include: files
 *
 * Read with the rights of whoever names it; a list named by root's aliases gives its own
 * owner's rights to what it lists.  Source: aliases(5), local(8).
 */
#include "errand.h"

#include "base/log.h"

/* The context of what the file lists. */
static bool enter(struct work *w, struct context *c, uid_t owner, struct error *e)
{
    c->source = FROM_INCLUDE;
    if (!(w->local->propagate & FROM_INCLUDE))
        c->unmatched = VIEW_NONE;
    if (c->identity || owner == 0 || !w->local->acts_for_users)
        return true;
    struct identity *identity = ARENA_NEW(w->d->arena, struct identity);
    if (user_find(w->d->arena, VIEW_NONE, owner, identity, e) == USER_FOUND) {
        c->identity = identity;
        return true;
    }
    error_set(e, "5.3.5", "cannot find :include: file owner username");
    return false;
}

void include_step(struct work *w, const struct context *from, struct view path)
{
    static const struct identity root = {.uid = 0, .gid = 0};
    struct context *c = work_deeper(w, from);
    struct errand errand = {.n_paths = 1, .is_include = true};
    struct errand_reply *reply;

    errand.paths[0] = arena_cstr(w->d->arena, path);
    errand.user = c->identity ? c->identity : &root;
    if (work_seen(w, "include %ld %.*s", (long)errand.user->uid, VIEW_FMT(path)))
        return;
    if (!view_starts(path, VIEW("/"))) {
        work_refused(w, c, "5.3.5", ":include:%.*s uses a relative path", VIEW_FMT(path));
        return;
    }
    reply = errand_run(w->local, &errand, w->d->arena);
    if (reply->result == OK && !enter(w, c, reply->file_owner, &reply->error))
        reply->result = PERMFAIL;
    if (reply->result != OK) {
        log_warning("%s", error_cstr(&reply->error));
        if (reply->result == PERMFAIL)
            error_set(&reply->error, "5.3.5", "mail system configuration error");
        work_failed(w, c, &reply->error);
        return;
    }
    work_expand(w, c, reply->text, true);
}
