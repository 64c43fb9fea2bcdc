/* postdrop_sink - mail from `sendmail -bs`, with the caller's own rights
 *
 * Without network there is no policy and no cleanup: the message goes to
 * postdrop in the form of lib/submission, and pickup brings it through cleanup when the
 * system runs.
 */
#include "base/log.h"
#include "base/memory.h"
#include "run/process.h"
#include "service/instance.h"
#include "submission/submission.h"
#include "transaction.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct postdrop {
    struct str content;
    struct recipient *recipients;
    size_t n, cap;
};

static bool drop_open(struct session *s, struct error *e)
{
    struct postdrop *p = NEW(struct postdrop);
    uint64_t limit = (uint64_t)conf_int(s->server->conf, P_message_size_limit);
    (void)e;
    str_init(&p->content, limit > 0 ? limit + 65536 : SIZE_MAX / 4);
    s->transaction->postdrop = p;
    return true;
}

static bool drop_recipient(struct session *s, struct view address, struct view orcpt,
                           unsigned notify)
{
    struct postdrop *p = s->transaction->postdrop;
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 16;
        p->recipients = memory_resize(p->recipients, p->cap * sizeof *p->recipients);
    }
    p->recipients[p->n++] = (struct recipient){.address = address,
                                               .original = address,
                                               .orcpt = orcpt,
                                               .notify = (uint8_t)notify,
                                               .status = RECIPIENT_PENDING};
    return true;
}

static void drop_begin(struct session *s)
{
    (void)s;
}

static void drop_line(struct session *s, struct view text, bool more)
{
    struct postdrop *p = s->transaction->postdrop;
    str_add(&p->content, text);
    if (!more)
        str_add_char(&p->content, '\n');
}

static bool write_all(int fd, struct view v)
{
    while (v.n > 0) {
        ssize_t put = write(fd, v.p, v.n);
        if (put < 0)
            return false;
        v = view_from(v, (size_t)put);
    }
    return true;
}

/* A memory file with the message in maildrop form; -1 with *E. */
static int build_file(struct session *s, struct error *e)
{
    struct transaction *t = s->transaction;
    struct postdrop *p = t->postdrop;
    struct submission submission = {.sender = t->envelope.sender,
                                    .envid = t->envelope.envid,
                                    .ret = t->envelope.ret,
                                    .recipients = p->recipients,
                                    .n_recipients = p->n};
    struct str tail = STR_INIT(SUBMISSION_RECORDS_MAX + QUEUE_FOOTER_SIZE);
    uint32_t sum = queue_checksum(0, str_view(&p->content));

    if (t->envelope.flags & MESSAGE_SMTPUTF8)
        submission.flags |= SUBMISSION_SMTPUTF8;
    if (t->envelope.flags & MESSAGE_8BIT)
        submission.flags |= SUBMISSION_8BIT;
    int fd = memfd_create("message", MFD_CLOEXEC);
    bool good = fd >= 0 && !p->content.overflow &&
                submission_write(&submission, p->content.n, sum, &tail) &&
                write_all(fd, str_view(&p->content)) && write_all(fd, str_view(&tail)) &&
                lseek(fd, 0, SEEK_SET) == 0;
    str_done(&tail);
    if (good)
        return fd;
    error_set_errno(e, "4.3.0", "Error: queue file write error");
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static void drop_free(struct session *s)
{
    struct postdrop *p = s->transaction->postdrop;
    if (!p)
        return;
    str_done(&p->content);
    memory_free(p->recipients);
    memory_free(p);
    s->transaction->postdrop = NULL;
}

static int drop_finish(struct session *s, struct error *e)
{
    const struct conf *c = s->server->conf;
    struct view path =
        arena_printf(s->transaction->arena, "%s/postdrop", instance_bin(c));
    const char *const argv[] = {path.p, "-r", "-c", conf_directory(c), NULL};
    int fd = build_file(s, e);
    drop_free(s);
    if (fd < 0)
        return 451;
    struct process_setup setup = {
        .argv = argv, .env = (const char *const *)environ, .fds = {fd, -1, 2}};
    int status = -1;
    pid_t pid = process_start(&setup, e);
    (void)close(fd);
    if (pid > 0 && process_wait(pid, clock_in(300 * CLOCK_SECOND), &status) == WAKE_OK &&
        WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 250;
    error_set(e, "4.3.0", "Error: queue file write error");
    return 451;
}

const struct sink postdrop_sink = {
    .open = drop_open,
    .recipient = drop_recipient,
    .begin = drop_begin,
    .line = drop_line,
    .finish = drop_finish,
    .abort = drop_free,
};
