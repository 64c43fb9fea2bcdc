/* draft_fake - tests: drafts that end in memory in place of the queue; see draft_fake.h
 */
#include "cleanup/draft_fake.h"

#include "base/memory.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

struct draft {
    struct queue_id id;
};
struct draft_fake draft_fake;
bool draft_fake_count_only;

void draft_fake_reset(void)
{
    str_done(&draft_fake.content);
    str_done(&draft_fake.recipients);
    str_done(&draft_fake.senders);
    draft_fake = (struct draft_fake){.content = STR_INIT(64 << 20),
                                     .recipients = STR_INIT(1 << 20),
                                     .senders = STR_INIT(1 << 20)};
}

struct draft *draft_open(struct queue_link *l, struct error *e)
{
    struct draft *d = NEW(struct draft);
    (void)l, (void)e;
    snprintf(d->id.text, sizeof d->id.text, "61D3F800081");
    return d;
}

const struct queue_id *draft_id(const struct draft *d)
{
    return &d->id;
}

void draft_write(struct draft *d, struct view content)
{
    (void)d;
    draft_fake.written += content.n;
    if (!draft_fake_count_only)
        str_add(&draft_fake.content, content);
}

/* A copy of what was written, for reading. */
int draft_fd(struct draft *d)
{
    static int fd = -1;
    (void)d;
    if (fd >= 0)
        (void)close(fd);
    fd = memfd_create("draft_fake", MFD_CLOEXEC);
    const struct str *s = &draft_fake.content;
    return write(fd, s->p ? s->p : "", s->n) == (ssize_t)s->n ? fd : -1;
}

void draft_replace(struct draft *d, uint64_t offset, struct view content)
{
    (void)d;
    assert(offset + content.n <= draft_fake.content.n);
    if (content.n > 0)
        memcpy(draft_fake.content.p + offset, content.p, content.n);
}

void draft_truncate(struct draft *d, uint64_t size)
{
    (void)d;
    str_truncate(&draft_fake.content, (size_t)size);
    draft_fake.written = size;
}

uint64_t draft_size(const struct draft *d)
{
    (void)d;
    return draft_fake.written;
}

enum result draft_commit(struct draft *d, struct envelope *env,
                         const struct queue_id *origin, struct error *e)
{
    draft_fake.committed = draft_fake.answer == OK;
    draft_fake.flags = env->flags;
    snprintf(draft_fake.sender, sizeof draft_fake.sender, "%.*s", VIEW_FMT(env->sender));
    snprintf(draft_fake.filter, sizeof draft_fake.filter, "%.*s",
             VIEW_FMT(env->content_filter));
    snprintf(draft_fake.redirect, sizeof draft_fake.redirect, "%.*s",
             VIEW_FMT(env->redirect));
    snprintf(draft_fake.message_id, sizeof draft_fake.message_id, "%.*s",
             VIEW_FMT(env->message_id));
    snprintf(draft_fake.origin, sizeof draft_fake.origin, "%s",
             origin ? origin->text : "");
    str_addf(&draft_fake.senders, "<%s>\n", draft_fake.sender);
    for (size_t i = 0; i < env->n_recipients; i++) {
        const struct recipient *r = &env->recipients[i];
        str_addf(&draft_fake.recipients, "%.*s|%.*s|%.*s|%u|%c\n", VIEW_FMT(r->address),
                 VIEW_FMT(r->original), VIEW_FMT(r->orcpt), r->notify, r->status);
    }
    if (draft_fake.answer != OK)
        error_set(e, "4.3.1", "no space");
    memory_free(d);
    return draft_fake.answer;
}

void draft_discard(struct draft *d)
{
    draft_fake.discarded = true;
    memory_free(d);
}
