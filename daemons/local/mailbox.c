/* mailbox - a user's own mail: .forward, then one of the mailbox parameters
 *
 * mailbox_transport_maps, mailbox_transport, mailbox_command_maps, mailbox_command,
 * home_mailbox, mail_spool_directory, in this order.  In the common case one child
 * process both looks for .forward files and delivers.  Source: local(8), DELIVERY METHOD
 * CONTROLS.
 */
#include "errand.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>

/* How mail gets into the mailbox, when no other program does it. */
static void plan_files(struct work *w, const struct identity *user, struct errand *e)
{
    const struct conf *conf = w->local->conf;
    struct view home_mailbox = conf_view(conf, P_home_mailbox);
    struct view spool = conf_view(conf, P_mail_spool_directory);
    struct view path;

    if (home_mailbox.n > 0)
        path = arena_printf(w->d->arena, "%.*s/%.*s", VIEW_FMT(user->home),
                            VIEW_FMT(home_mailbox));
    else if (view_ends(spool, VIEW("/")))
        path =
            arena_printf(w->d->arena, "%.*s%.*s/", VIEW_FMT(spool), VIEW_FMT(user->name));
    else
        path =
            arena_printf(w->d->arena, "%.*s/%.*s", VIEW_FMT(spool), VIEW_FMT(user->name));
    e->path = path.p;
    e->target = view_ends(path, VIEW("/")) ? ERRAND_MAILDIR : ERRAND_MBOX;
    e->spool_directory = home_mailbox.n > 0 ? NULL : arena_cstr(w->d->arena, spool);
    e->strict_owner = conf_bool(conf, P_strict_mailbox_ownership);
    e->is_mailbox = true;
    e->writer = user->uid == 0 ? &w->local->nobody : user;
}

/* The text's meaning in the log. */
static void explain(const struct work *w, const struct context *c, const struct errand *e,
                    struct error *error)
{
    (void)w;
    if (e->target == ERRAND_MBOX) {
        error_prefix(error, "cannot update mailbox %s for user %.*s. ", e->path,
                     VIEW_FMT(c->user));
        return;
    }
    if (error->saved_errno == EACCES) {
        log_warning("maildir access problem for UID/GID=%lu/%lu: %s",
                    (unsigned long)e->writer->uid, (unsigned long)e->writer->gid,
                    error->text);
        log_warning("perhaps you need to create the maildirs in advance");
    }
    error_prefix(error, "maildir delivery failed: ");
}

static void conclude_files(struct work *w, const struct context *c,
                           const struct errand *e, struct errand_reply *reply)
{
    if (reply->result != OK) {
        explain(w, c, e, &reply->error);
        if (strstr(reply->error.text, "is not owned by recipient"))
            log_warning("specify \"strict_mailbox_ownership = no\" to ignore mailbox "
                        "ownership mismatch");
        work_failed(w, c, &reply->error);
    } else {
        work_sent(w, c, "delivered to %s",
                  e->target == ERRAND_MAILDIR ? "maildir" : "mailbox");
    }
}

/* Look MAPS up by the user's name, then take OTHERWISE; false with the failure told. */
static bool choose(struct work *w, const struct context *c, struct maps *maps,
                   enum parameter otherwise, struct view *value)
{
    struct error e = ERROR_INIT;
    enum table_result result = TABLE_NOT_FOUND;

    if (!maps_is_empty(maps))
        result = maps_get(maps, c->user, w->d->arena, value, &e);
    if (result == TABLE_ERROR) {
        log_warning("%s", error_cstr(&e));
        work_refused(w, c, "4.3.0", "table lookup failure");
        return false;
    }
    if (result == TABLE_NOT_FOUND)
        *value = conf_view(w->local->conf, otherwise);
    return true;
}

/* The key of a mailbox in the filter of duplicates. */
static struct view mailbox_key(struct work *w, const struct context *c)
{
    return arena_printf(w->d->arena, "mailbox %.*s", VIEW_FMT(c->local));
}

/* Hand over to a transport or a command, or write files; E has the plan for the latter.
 * False when there is no such user. */
static bool deliver(struct work *w, const struct context *c, const struct identity *user,
                    struct errand *e)
{
    struct local *l = w->local;
    struct errand_reply *reply;
    struct view value;

    if (work_seen(w, "mailbox %.*s", VIEW_FMT(c->local)))
        return true;
    if (!choose(w, c, l->transports, P_mailbox_transport, &value))
        return true;
    if (value.n > 0) {
        work_pass(w, c, value);
        return true;
    }
    if (!user)
        return false;
    if (!choose(w, c, l->commands, P_mailbox_command, &value))
        return true;
    if (value.n > 0) {
        struct context *own = work_deeper(w, c);
        own->identity = user;
        own->source = 0;
        command_step(w, own, value);
    } else if (delivery_is_probe(w->d)) {
        work_sent(w, c, "delivers to %s",
                  e->target == ERRAND_MAILDIR ? "maildir" : "mailbox");
    } else {
        e->n_paths = 0;
        reply = errand_run(l, e, w->d->arena);
        conclude_files(w, c, e, reply);
    }
    return true;
}

/* Is writing files the only way that mail gets into mailboxes here? */
static bool is_simple(const struct work *w)
{
    const struct local *l = w->local;

    return maps_is_empty(l->transports) && maps_is_empty(l->commands) &&
           conf_view(l->conf, P_mailbox_transport).n == 0 &&
           conf_view(l->conf, P_mailbox_command).n == 0 && !delivery_is_probe(w->d);
}

/* The content and what goes with it. */
static bool fill_in(struct work *w, const struct context *c, struct errand *e)
{
    struct error error = ERROR_INIT;

    if (errand_set_message(w, c, e, &error))
        return true;
    work_failed(w, c, &error);
    return false;
}

/* Look for .forward files; when there is none and DIRECT, deliver at once.  True when all
 * is done. */
static bool try_forward(struct work *w, const struct context *c,
                        const struct identity *user, struct errand *e)
{
    enum errand_target target = e->target;
    struct view key = mailbox_key(w, c);
    bool direct = is_simple(w) && !work_was_seen(w, key);
    struct errand_reply *reply;

    if (work_seen(w, "forward %.*s", VIEW_FMT(user->name)))
        return false;
    forward_prepare(w, c, user, e);
    if (e->n_paths == 0 && !e->home)
        return false;
    if (!direct)
        e->target = ERRAND_NOTHING;
    reply = errand_run(w->local, e, w->d->arena);
    e->target = target;
    if (reply->result == OK && reply->error.text[0]) /* a file that does not count */
        log_warning("%s", reply->error.text);
    if (reply->result == OK && reply->found)
        return forward_expand(w, c, user, e, reply);
    if (reply->result != OK && !direct) {
        work_failed(w, c, &reply->error);
        return true;
    }
    if (!direct)
        return false;
    (void)work_seen(w, "%.*s", VIEW_FMT(key));
    conclude_files(w, c, e, reply);
    return true;
}

bool mailbox_deliver(struct work *w, const struct context *c, const struct identity *user,
                     bool no_forward)
{
    struct errand e = {.n_paths = 0};

    if (user) {
        if (view_has(user->name, '/'))
            return false;
        plan_files(w, user, &e);
        if (conf_bool(w->local->conf, P_require_home_directory))
            e.home = arena_cstr(w->d->arena, user->home);
        e.user = user;
        if (!fill_in(w, c, &e))
            return true;
        if (!no_forward && try_forward(w, c, user, &e))
            return true;
    }
    return deliver(w, c, user, &e);
}
