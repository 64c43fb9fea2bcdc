/* file - delivery to /file/name from an alias, a .forward or a list
 *
 * Source: local(8), EXTERNAL FILE DELIVERY.
 */
#include "errand.h"

void file_step(struct work *w, const struct context *c, struct view path)
{
    const struct identity *writer = work_rights(w, c);
    struct errand e = {
        .user = writer, .writer = writer, .path = arena_cstr(w->d->arena, path)};
    struct errand_reply *reply;
    struct error error = ERROR_INIT;

    if (work_seen(w, "file %ld %.*s", (long)writer->uid, VIEW_FMT(path)))
        return;
    if (c->source && !(w->local->allow_files & c->source)) {
        work_refused(w, c, "5.7.1", "mail to file is restricted");
        return;
    }
    if (delivery_is_probe(w->d)) {
        work_sent(w, c, "delivers to file: %s", e.path);
        return;
    }
    e.target = view_ends(path, VIEW("/")) ? ERRAND_MAILDIR : ERRAND_MBOX;
    if (!errand_set_message(w, c, &e, &error)) {
        work_failed(w, c, &error);
        return;
    }
    e.lock.dotlock_may_fail = true;
    reply = errand_run(w->local, &e, w->d->arena);
    if (reply->result == OK && e.target == ERRAND_MAILDIR) {
        work_sent(w, c, "delivered to maildir");
    } else if (reply->result == OK) {
        work_sent(w, c, "delivered to file: %s", e.path);
    } else {
        if (e.target == ERRAND_MAILDIR)
            error_prefix(&reply->error, "maildir delivery failed: ");
        else
            error_prefix(&reply->error, "cannot append message to file %s: ", e.path);
        work_failed(w, c, &reply->error);
    }
}
