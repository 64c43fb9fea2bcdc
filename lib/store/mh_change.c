/* mh_change - flags, expunge and new messages in an MH folder
 *
 * All of it under the lock of .mh_sequences (a dot lock and fcntl's, as nmh takes), in a
 * worker thread.  The file is replaced by rename.  Numbers get their flags before their
 * file, so that no new message is seen without them.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "run/thread.h"
#include "store/copy.h"
#include "store/mh_driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { ATTEMPTS = 10 };

struct mh_change {
    struct mailbox *b;
    struct mh_sequences sequences;
    struct str path; /* of .mh_sequences */
    bool has_dotlock;
    int fd;
    struct flag_item *flags;
    struct remove_item *removes;
    struct part *parts;
    size_t n;
    struct error *e;
    enum store_result result;
};

/* --- the file of sequences --- */

static const struct lock_policy lock = {.use_fcntl = true,
                                        .use_dotlock = true,
                                        .dotlock_may_fail = true,
                                        .attempts = 20,
                                        .delay = CLOCK_SECOND / 2,
                                        .stale = 300 * CLOCK_SECOND};

static bool begin(struct mh_change *c)
{
    str_init(&c->path, PATH_MAX);
    str_setf(&c->path, "%s/.mh_sequences", c->b->path);
    c->fd = -1;
    if (lock_dot_take(&lock, str_cstr(&c->path), &c->has_dotlock, c->e) != OK) {
        c->result = STORE_INUSE;
        str_done(&c->path);
        return false;
    }
    c->fd = open(str_cstr(&c->path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (c->fd < 0)
        c->result = store_failed(c->e, "cannot open %s", str_cstr(&c->path));
    else if (lock_file_take(&lock, c->fd, c->e) != OK)
        c->result = STORE_INUSE;
    mh_read_sequences(c->b, &c->sequences);
    return c->result == STORE_OK;
}

static void end(struct mh_change *c)
{
    if (c->has_dotlock)
        lock_dot_give(str_cstr(&c->path));
    if (c->fd >= 0)
        close(c->fd);
    mh_sequences_done(&c->sequences);
    str_done(&c->path);
}

static void write_sequences(struct mh_change *c)
{
    struct str text = STR_INIT(64 * 1024 * 1024), temporary = STR_INIT(PATH_MAX);

    mh_sequences_format(&c->sequences, &text);
    str_setf(&temporary, "%s.new", str_cstr(&c->path));
    int fd = open(str_cstr(&temporary),
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && !text.overflow && copy_write_all(fd, str_view(&text)) &&
              rename(str_cstr(&temporary), str_cstr(&c->path)) == 0;
    if (!ok)
        c->result = store_failed(c->e, "cannot write %s", str_cstr(&c->path));
    if (fd >= 0)
        close(fd);
    str_done(&text);
    str_done(&temporary);
}

/* --- flags and expunge --- */

static void change_flags(void *arg)
{
    struct mh_change *c = arg;

    if (begin(c)) {
        for (size_t i = 0; i < c->n; i++) {
            struct flag_item *f = &c->flags[i];
            f->state = mh_is_same(c->b, f->m->key) ? CHANGE_DONE : CHANGE_GONE;
            if (f->state == CHANGE_DONE)
                mh_set_flags(c->b, &c->sequences, mh_number(f->m->key), f->flags,
                             f->keywords);
        }
        write_sequences(c);
    }
    end(c);
}

enum store_result mh_flag(struct mailbox *b, struct flag_item *items, size_t n,
                          struct error *e)
{
    struct mh_change c = {.b = b, .flags = items, .n = n, .e = e};
    bool settled = mh_is_settled(b);

    thread_run(change_flags, &c);
    mh_note_own(b, settled);
    for (size_t i = 0; c.result != STORE_OK && i < n; i++)
        items[i].state = CHANGE_WAITING;
    return c.result;
}

static void remove_files(void *arg)
{
    struct mh_change *c = arg;
    struct str path = STR_INIT(PATH_MAX);

    if (begin(c)) {
        for (size_t i = 0; i < c->n; i++) {
            struct remove_item *r = &c->removes[i];
            r->state = CHANGE_GONE;
            mh_message_path(c->b, r->m->key, &path);
            if (!mh_is_same(c->b, r->m->key) || unlink(str_cstr(&path)) < 0)
                continue;
            r->state = CHANGE_DONE;
            mh_sequences_forget(&c->sequences, mh_number(r->m->key));
        }
        write_sequences(c);
    }
    end(c);
    str_done(&path);
}

enum store_result mh_expunge(struct mailbox *b, struct remove_item *items, size_t n,
                             struct error *e)
{
    struct mh_change c = {.b = b, .removes = items, .n = n, .e = e};
    bool settled = mh_is_settled(b);

    thread_run(remove_files, &c);
    mh_note_own(b, settled);
    return c.result;
}

/* --- new messages --- */

enum store_result mh_create_part(struct mailbox *b, struct part *p, struct error *e)
{
    static unsigned counter;
    struct str path = STR_INIT(PATH_MAX);
    enum store_result r = STORE_OK;

    str_setf(&path, "%s/.append.%d.%u", b->path, (int)getpid(), counter++);
    p->fd = open(str_cstr(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                 0600);
    if (p->fd < 0)
        r = store_failed(e, "cannot create %s", str_cstr(&path));
    else
        p->temporary = memory_cstr(str_cstr(&path));
    str_done(&path);
    return r;
}

/* Only a move keeps the file: two numbers for one file would be one message. */
enum store_result mh_link_part(struct mailbox *from, const struct mailbox_message *m,
                               struct mailbox *b, struct part *p, bool move,
                               struct error *e)
{
    struct str path = STR_INIT(PATH_MAX);

    (void)e;
    if (!move || from->account != b->account)
        return STORE_CANNOT;
    if (!mh_is_same(from, m->key))
        return STORE_EXPUNGED;
    mh_message_path(from, m->key, &path);
    p->source = memory_cstr(str_cstr(&path));
    p->moves = true;
    str_done(&path);
    return STORE_OK;
}

/* The number is known when the file has it. */
void mh_name_part(struct mailbox *b, struct part *p)
{
    (void)b;
    memory_free(p->m.key);
    p->m.key = memory_cstr("");
}

static uint32_t greatest_number(const struct mailbox *b)
{
    DIR *d = opendir(b->path);
    uint32_t greatest = 0;
    struct dirent *item;

    while (d && (item = readdir(d)) != NULL) {
        uint32_t n = mh_number(item->d_name);
        if (n > greatest && ascii_is_digit(item->d_name[strlen(item->d_name) - 1]))
            greatest = n;
    }
    if (d)
        closedir(d);
    return greatest;
}

static bool bring_to_disk(struct part *p)
{
    struct timespec times[2] = {{.tv_sec = (time_t)p->m.received},
                                {.tv_sec = (time_t)p->m.received}};

    return p->fd < 0 || (futimens(p->fd, times) == 0 && fdatasync(p->fd) == 0);
}

/* Give part P the first number from *NUMBER on that is free. */
static bool give_number(struct mh_change *c, struct part *p, uint32_t *number)
{
    struct str path = STR_INIT(PATH_MAX), key = STR_INIT(200);
    const char *origin = p->source ? p->source : p->temporary;
    struct stat st;
    bool ok = false;

    for (int i = 0; !ok && i < ATTEMPTS && *number < MH_NUMBER_MAX; i++, ++*number) {
        mh_set_flags(c->b, &c->sequences, *number, p->m.flags, p->m.keywords);
        write_sequences(c);
        str_setf(&path, "%s/%lu", c->b->path, (unsigned long)*number);
        ok = c->result == STORE_OK && renameat2(AT_FDCWD, origin, AT_FDCWD,
                                                str_cstr(&path), RENAME_NOREPLACE) == 0;
        if (!ok && errno != EEXIST)
            break;
        if (ok && stat(str_cstr(&path), &st) == 0) {
            mh_key(*number, &st, &key);
            memory_free(p->m.key);
            p->m.key = memory_cstr(str_cstr(&key));
        }
    }
    int err = errno;
    str_done(&path);
    str_done(&key);
    errno = err;
    return ok;
}

/* Undo: a moved file goes back, another one away. */
static void take_back(struct mh_change *c, struct part *p)
{
    struct str path = STR_INIT(PATH_MAX);

    mh_message_path(c->b, p->m.key, &path);
    if (p->moves)
        (void)!rename(str_cstr(&path), p->source);
    else
        unlink(str_cstr(&path));
    mh_sequences_forget(&c->sequences, mh_number(p->m.key));
    str_done(&path);
}

static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

static void publish(void *arg)
{
    struct mh_change *c = arg;
    size_t done = 0;
    bool ok = begin(c);
    uint32_t number = ok ? greatest_number(c->b) + 1 : 0;

    for (size_t i = 0; ok && i < c->n; i++)
        ok = bring_to_disk(&c->parts[i]);
    for (; ok && done < c->n; done++) {
        ok = give_number(c, &c->parts[done], &number);
        if (!ok)
            break;
    }
    ok = ok && sync_folder(c->b->path);
    if (!ok && c->result == STORE_OK)
        c->result = store_failed(c->e, "cannot put messages into %s", c->b->path);
    while (!ok && done > 0)
        take_back(c, &c->parts[--done]);
    end(c);
}

enum store_result mh_publish(struct mailbox *b, struct part *parts, size_t n,
                             struct error *e)
{
    struct mh_change c = {.b = b, .parts = parts, .n = n, .e = e};
    bool settled = mh_is_settled(b);

    thread_run(publish, &c);
    mh_note_own(b, settled);
    for (size_t i = 0; c.result == STORE_OK && i < n; i++) {
        memory_free(parts[i].temporary); /* it has another name now */
        parts[i].temporary = NULL;
    }
    return c.result;
}
