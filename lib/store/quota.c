/* quota - how much an account holds, and may hold
 *
 * Of a Maildir with limits the sums are in its file "maildirsize", which deliveries and
 * other programs keep, too; what is marked as deleted, or lies in Trash, does not count
 * there.  Otherwise the sums are counted, and believed for some seconds.
 */
#include "base/clock.h"
#include "run/thread.h"
#include "store/driver.h"
#include "store/maildirsize.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

/* What others changed without telling is found after this time. */
#define FRESH (10 * CLOCK_SECOND)

static bool has_limits(const struct account *a)
{
    return a->place.quota_bytes > 0 || a->place.quota_messages > 0;
}

static bool has_file(const struct account *a)
{
    return a->place.format == PLACE_MAILDIR && has_limits(a);
}

bool quota_counts(const struct mailbox *b, uint32_t flags)
{
    return !has_file(b->account) ||
           (!(flags & MAILBOX_DELETED) && !view_eq(view_of(b->name), VIEW("Trash")));
}

struct file_job {
    const char *root;
    struct maildir_quota limit;
    bool check;
    uint64_t bytes, messages; /* to be added */
    struct maildirsize sums;
    enum result result;
    struct error *e;
    int err;
};

/* In a worker thread: counting reads all names. */
static void use_file(void *arg)
{
    struct file_job *j = arg;
    int root = open(j->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = root >= 0;

    if (ok && j->check)
        j->result = maildirsize_check(root, &j->limit, j->bytes, j->messages, j->e);
    else if (ok)
        ok = (maildirsize_read(root, &j->sums) && j->sums.limit.bytes == j->limit.bytes &&
              j->sums.limit.messages == j->limit.messages) ||
             maildirsize_count(root, &j->limit, &j->sums);
    j->err = ok ? 0 : errno;
    if (root >= 0)
        close(root);
}

static enum store_result run_job(struct account *a, struct file_job *j, struct error *e)
{
    j->root = a->place.root;
    j->limit = (struct maildir_quota){a->place.quota_bytes, a->place.quota_messages};
    j->e = e;
    thread_run(use_file, j);
    errno = j->err;
    return j->err ? store_failed(e, "cannot count the mail in %s", a->place.root)
                  : STORE_OK;
}

void quota_add(struct account *a, int64_t bytes, int64_t messages)
{
    if (bytes == 0 && messages == 0)
        return;
    a->quota_bytes += (uint64_t)bytes;
    a->quota_messages += (uint64_t)messages;
    if ((int64_t)a->quota_bytes < 0 || (int64_t)a->quota_messages < 0)
        quota_forget(a);
    int root = has_file(a) ? open(a->place.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (root < 0)
        return;
    maildirsize_add(root, bytes, messages);
    close(root);
}

void quota_forget(struct account *a)
{
    a->quota_is_known = false;
}

enum store_result quota_recount(struct account *a, struct error *e)
{
    struct maildirsize sums;

    quota_forget(a);
    if (!has_file(a))
        return STORE_OK;
    int root = open(a->place.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct maildir_quota limit = {a->place.quota_bytes, a->place.quota_messages};
    bool ok = root >= 0 && maildirsize_count(root, &limit, &sums);
    if (root >= 0)
        close(root);
    return ok ? STORE_OK : store_failed(e, "cannot count the mail in %s", a->place.root);
}

/* Sums of what has no file for them. */
static enum store_result count(struct account *a, struct error *e)
{
    if (a->quota_is_known && clock_mono() - a->quota_counted < FRESH)
        return STORE_OK;
    enum store_result r = a->driver->usage(a, &a->quota_bytes, &a->quota_messages, e);
    if (r == STORE_OK) {
        a->quota_counted = clock_mono();
        a->quota_is_known = true;
    }
    return r;
}

enum store_result account_quota(struct account *a, struct account_quota *out,
                                struct error *e)
{
    struct file_job j = {.check = false};
    enum store_result r = has_file(a) ? run_job(a, &j, e) : count(a, e);

    if (has_file(a)) {
        a->quota_bytes = j.sums.bytes;
        a->quota_messages = j.sums.messages;
    }
    if (r == STORE_OK)
        *out = (struct account_quota){.bytes = a->quota_bytes,
                                      .bytes_limit = a->place.quota_bytes,
                                      .messages = a->quota_messages,
                                      .messages_limit = a->place.quota_messages};
    return r;
}

static bool fits(uint64_t used, uint64_t more, uint64_t limit)
{
    return limit == 0 || (used <= limit && more <= limit - used);
}

enum store_result account_quota_check(struct account *a, uint64_t bytes,
                                      uint64_t messages, struct error *e)
{
    struct file_job j = {.check = true, .bytes = bytes, .messages = messages};
    enum store_result r = STORE_OK;

    if (!has_limits(a))
        return STORE_OK;
    if (has_file(a)) {
        r = run_job(a, &j, e);
        if (r == STORE_OK && j.result != OK)
            r = j.result == PERMFAIL ? STORE_OVERQUOTA : STORE_FAILED;
        return r;
    }
    r = count(a, e);
    if (r != STORE_OK || (fits(a->quota_bytes, bytes, a->place.quota_bytes) &&
                          fits(a->quota_messages, messages, a->place.quota_messages)))
        return r;
    error_set(e, "5.2.2", "the mailbox is full: %" PRIu64 " bytes, %" PRIu64 " messages",
              a->quota_bytes, a->quota_messages);
    return STORE_OVERQUOTA;
}
