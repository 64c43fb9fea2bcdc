/* message - one file of maildrop/ on its way into the queue
 *
 * The file is hostile: anybody may have written it.  It passes the same filter as mail
 * from the network, and is removed when the queue has the message on disk.  A crash
 * between these two steps makes the message arrive twice; there is no other window.
 */
#include "base/log.h"
#include "format/date.h"
#include "pickup.h"
#include "run/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is known of the file while its fiber works on it. */
struct work {
    struct message *message;
    struct arena *arena;
    int fd;
    struct stat st;
    struct submission submission;
    uint64_t content_size;
    enum result read_result;
    struct error error;
};

/* --- the file --- */

/* Reads from the disk: in a worker thread. */
static void read_submission(void *arg)
{
    struct work *w = arg;

    w->read_result = submission_read(w->arena, w->fd, (uint64_t)w->st.st_size,
                                     &w->submission, &w->content_size, &w->error);
}

/* Open without following or waiting for anything that a user may have put there. */
static bool open_file(struct work *w)
{
    const struct message *m = w->message;

    w->fd = open(m->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (w->fd < 0 && errno == ENOENT)
        return false;
    if (w->fd < 0 || fstat(w->fd, &w->st) < 0) {
        log_warning("open %s: %s", m->path, strerror(errno));
        return false;
    }
    if (!S_ISREG(w->st.st_mode)) {
        log_warning("%s: uid %ld: not a regular file", m->path, (long)w->st.st_uid);
        return false;
    }
    return w->st.st_nlink ==
           1; /* else postdrop is at it, or somebody linked a foreign file */
}

/* Keep what nobody can read out of the way. */
static void set_aside(const struct work *w)
{
    const struct message *m = w->message;
    char target[sizeof "corrupt/" + QUEUE_ID_MAX];

    snprintf(target, sizeof target, "corrupt/%s", m->name);
    log_warning("%s: uid=%ld: %s; moved to %s", m->path, (long)w->st.st_uid,
                error_cstr(&w->error), target);
    if (rename(m->path, target) < 0)
        log_error("rename %s to %s: %s", m->path, target, strerror(errno));
}

static void remove_file(const struct message *m)
{
    if (unlink(m->path) < 0)
        log_error("remove %s: %s; the message may arrive twice", m->path,
                  strerror(errno));
}

/* --- its content --- */

/* Give COUNT lines and pieces of lines to FN, from the whole content. */
struct splitter {
    struct cleanup *cleanup;
    size_t limit; /* line_length_limit */
    struct str held;
};

static void give_line(struct splitter *s, struct view line)
{
    struct view rest = line;

    while (rest.n > s->limit) {
        cleanup_line_piece(s->cleanup, view_sub(rest, 0, s->limit), true);
        rest = view_from(rest, s->limit);
    }
    if (rest.n == line.n)
        cleanup_line(s->cleanup, line);
    else
        cleanup_line_piece(s->cleanup, rest, false);
}

/* Bytes of the content: whole lines go on, the rest is held. */
static void split(struct splitter *s, struct view bytes)
{
    struct view head, tail;

    while (view_cut(bytes, '\n', &head, &tail)) {
        if (s->held.n > 0) {
            str_add(&s->held, head);
            give_line(s, str_view(&s->held));
            str_clear(&s->held);
        } else {
            give_line(s, head);
        }
        bytes = tail;
    }
    str_add(&s->held, bytes);
}

/* Long lines are given in pieces, so that what is held stays below a piece and a buffer.
 */
static void drain_long_line(struct splitter *s)
{
    struct view held = str_view(&s->held);
    size_t pieces = held.n / s->limit;

    if (pieces < 2)
        return;
    for (size_t i = 0; i + 1 < pieces; i++)
        cleanup_line_piece(s->cleanup, view_sub(held, i * s->limit, s->limit), true);
    str_consume(&s->held, (pieces - 1) * s->limit);
}

/* All of the content through the filter.  False when the file cannot be read. */
static bool pass_content(struct work *w, struct cleanup *cleanup)
{
    enum { PIECE = 1 << 15 };
    int64_t limit = conf_int(w->message->setup->conf, P_line_length_limit);
    struct splitter s = {.cleanup = cleanup, .limit = limit > 0 ? (size_t)limit : 2048};
    char *buffer = arena_alloc(w->arena, PIECE);
    bool ok = true;

    str_init(&s.held, s.limit * 3 + PIECE);
    for (uint64_t done = 0;
         ok && done < w->content_size && !cleanup_is_doomed(cleanup);) {
        uint64_t left = w->content_size - done;
        ssize_t n =
            pread(w->fd, buffer, left < PIECE ? (size_t)left : PIECE, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        ok = n > 0;
        if (!ok)
            break;
        done += (uint64_t)n;
        split(&s, (struct view){buffer, (size_t)n});
        drain_long_line(&s);
    }
    if (ok && s.held.n > 0)
        give_line(&s, str_view(&s.held));
    if (!ok)
        error_set_errno(&w->error, "4.3.0", "read %s", w->message->path);
    str_done(&s.held);
    return ok;
}

static void add_received(const struct work *w, const struct draft *draft,
                         struct cleanup *cleanup)
{
    const struct conf *c = w->message->setup->conf;
    char date[DATE_MAX];
    time_t arrival = w->st.st_mtime;
    struct tm tm = {.tm_mday = 1};

    (void)localtime_r(&arrival, &tm);
    cleanup_line(cleanup, arena_printf(w->arena, "Received: by %s (%s, from userid %ld)",
                                       conf_cstr(c, P_myhostname),
                                       conf_cstr(c, P_mail_name), (long)w->st.st_uid));
    cleanup_line(cleanup, arena_printf(w->arena, "\tid %s; %s", draft_id(draft)->text,
                                       date_format(date, &tm)));
}

/* --- into the queue --- */

static struct envelope make_envelope(const struct work *w)
{
    static const struct {
        uint32_t from, to;
    } flags[] = {{SUBMISSION_VERIFY, MESSAGE_VERIFY},
                 {SUBMISSION_TRACE, MESSAGE_TRACE},
                 {SUBMISSION_SMTPUTF8, MESSAGE_SMTPUTF8},
                 {SUBMISSION_8BIT, MESSAGE_8BIT}};
    const struct submission *s = &w->submission;
    struct envelope env = {.arrival = (int64_t)w->st.st_mtim.tv_sec * CLOCK_SECOND +
                                      w->st.st_mtim.tv_nsec / 1000,
                           .sender = s->sender,
                           .ret = s->ret,
                           .envid = s->envid,
                           .verp_delimiters = s->verp_delimiters};

    env.rewrite_context = s->flags & SUBMISSION_GATEWAY ? VIEW("remote") : VIEW("local");
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (s->flags & flags[i].from)
            env.flags |= flags[i].to;
    }
    return env;
}

static struct cleanup *open_cleanup(const struct work *w, struct draft *draft)
{
    const struct setup *setup = w->message->setup;
    const struct submission *s = &w->submission;
    struct envelope env = make_envelope(w);
    unsigned flags = setup->cleanup_flags;

    if (s->flags & SUBMISSION_GATEWAY)
        flags &= ~(unsigned)CLEANUP_ADD_MISSING;
    struct cleanup *c = cleanup_open(setup->cleanup, draft, &env, flags);
    cleanup_sender(c, s->sender);
    if (s->full_name.n > 0)
        cleanup_full_name(c, s->full_name);
    struct view filter = conf_view(setup->conf, P_content_filter);
    if (filter.n > 0 && (flags & CLEANUP_FILTER))
        cleanup_set_filter(c, filter);
    for (size_t i = 0; i < s->n_recipients; i++) {
        const struct recipient *r = &s->recipients[i];
        cleanup_recipient(c, r->address, r->address, r->orcpt, r->notify);
    }
    return c;
}

/* The filter refused it: nobody waits for an answer here, so the message goes to the
 * error transport, which returns it to its sender with the reason. */
static enum message_end return_to_sender(struct work *w, const struct error *why)
{
    const struct setup *setup = w->message->setup;
    struct draft *draft = draft_open(w->message->pickup->link, &w->error);
    struct envelope env = make_envelope(w);
    char buffer[1024];

    if (!draft)
        return MESSAGE_LEFT;
    log_info("%s: uid=%ld: returned to sender: %s", draft_id(draft)->text,
             (long)w->st.st_uid, error_cstr(why));
    env.sender = rewrite_address(setup->rewrite, REWRITE_LOCAL, env.sender, w->arena);
    env.content_filter = arena_printf(w->arena, "error:%s %s", why->status, why->text);
    env.recipients = w->submission.recipients;
    env.n_recipients = w->submission.n_recipients;
    for (size_t i = 0; i < env.n_recipients; i++) {
        struct recipient *r = &env.recipients[i];
        r->address = rewrite_address(setup->rewrite, REWRITE_LOCAL, r->address, w->arena);
    }
    for (uint64_t done = 0; done < w->content_size;) {
        uint64_t left = w->content_size - done;
        ssize_t n =
            pread(w->fd, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer,
                  (off_t)done);
        if (n <= 0)
            break;
        draft_write(draft, (struct view){buffer, (size_t)n});
        done += (uint64_t)n;
    }
    return draft_commit(draft, &env, NULL, &w->error) == OK ? MESSAGE_TAKEN
                                                            : MESSAGE_LEFT;
}

static enum message_end deliver(struct work *w)
{
    struct draft *draft = draft_open(w->message->pickup->link, &w->error);

    if (!draft)
        return MESSAGE_LEFT;
    log_info("%s: uid=%ld from=<%.*s>", draft_id(draft)->text, (long)w->st.st_uid,
             VIEW_FMT(w->submission.sender));
    struct cleanup *cleanup = open_cleanup(w, draft);
    add_received(w, draft, cleanup);
    if (!pass_content(w, cleanup)) {
        cleanup_abort(cleanup);
        return MESSAGE_LEFT;
    }
    struct error why = ERROR_INIT;
    switch (cleanup_finish(cleanup, NULL, &why)) {
    case CLEANUP_QUEUED:
    case CLEANUP_DISCARDED:
        return MESSAGE_TAKEN;
    case CLEANUP_REJECTED:
        return return_to_sender(w, &why);
    case CLEANUP_DEFERRED:
        break;
    }
    w->error = why;
    return MESSAGE_LEFT;
}

static enum message_end take(struct work *w)
{
    if (!open_file(w))
        return MESSAGE_SHUNNED;
    thread_run(read_submission, w);
    if (w->read_result == PERMFAIL) {
        set_aside(w);
        return MESSAGE_SHUNNED;
    }
    enum message_end end = w->read_result == OK ? deliver(w) : MESSAGE_LEFT;
    if (end == MESSAGE_TAKEN)
        remove_file(w->message);
    else
        log_warning("%s: %s; will try again", w->message->path, error_cstr(&w->error));
    return end;
}

enum message_end message_take(struct message *m)
{
    struct arena *a = arena_new();
    struct work *w = ARENA_NEW(a, struct work);

    *w = (struct work){.message = m, .arena = a, .fd = -1};
    enum message_end end = take(w);
    if (w->fd >= 0)
        close(w->fd);
    arena_free(a);
    return end;
}
