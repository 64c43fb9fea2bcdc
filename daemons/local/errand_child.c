/* errand_child - what runs with the recipient's rights
 *
 * Started by root, effective ids change first, so that a mailbox in a spool directory
 * that only root may write can be locked by root and written by its owner; everything
 * else gives root up for good. Source: local(8), DELIVERY RIGHTS.
 */
#include "errand.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct child {
    const struct errand *errand;
    bool acts; /* may change ids */
    int fd;
    struct errand_report report;
    struct error error; /* what went wrong last */
    char *text;
};

/* --- ids --- */

static bool be_root(struct child *c)
{
    return !c->acts || (seteuid(0) == 0 && setegid(0) == 0);
}

/* Act as U with no other groups; for root, as root. */
static bool act_as(struct child *c, uid_t uid, gid_t gid)
{
    if (!c->acts)
        return true;
    return be_root(c) && setgroups(1, &gid) == 0 && setegid(gid) == 0 &&
           seteuid(uid) == 0;
}

/* Become U for good. */
static bool become(struct child *c, uid_t uid, gid_t gid)
{
    if (!c->acts)
        return true;
    return be_root(c) && setgroups(1, &gid) == 0 && setresgid(gid, gid, gid) == 0 &&
           setresuid(uid, uid, uid) == 0 && geteuid() == uid;
}

/* --- report --- */

static void report_error(struct child *c)
{
    const struct error *e = &c->error;

    c->report.result = (uint8_t)error_result(e);
    snprintf(c->report.status, sizeof c->report.status, "%s", e->status);
    snprintf(c->report.text, sizeof c->report.text, "%s", e->text);
    c->report.saved_errno = (uint32_t)e->saved_errno;
}

static void fail_errno(struct child *c, const char *status, const char *what,
                       const char *path)
{
    error_set_errno(&c->error, status, "%s %s", what, path);
    report_error(c);
}

static int send_report(struct child *c)
{
    struct view head = {(const char *)&c->report, sizeof c->report};
    struct view text = {c->text, (size_t)c->report.size};

    c->report.magic = ERRAND_MAGIC;
    return copy_write_all(c->fd, head) && copy_write_all(c->fd, text) ? 0 : 1;
}

/* --- reading --- */

/* All of the open file into c->text. */
static bool read_text(struct child *c, int fd, const char *path)
{
    struct str text = STR_INIT(LOCAL_TEXT_MAX);
    ssize_t n = 1;

    while (n > 0) {
        char *room = str_reserve(&text, COPY_PIECE);
        if (!room) {
            errno = EFBIG;
            n = -1;
            break;
        }
        n = read(fd, room, COPY_PIECE);
        text.n += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        fail_errno(c, "4.3.0", "error reading forwarding file:", path);
        return false;
    }
    c->text = text.p;
    c->report.size = text.n;
    return true;
}

/* A note for the log; the file counts as not there. */
static void complain(struct child *c, const char *format, const char *path, long number)
{
    char text[900];

    (void)number;
    if (strstr(format, "%ld"))
        snprintf(text, sizeof text, "file %s has bad owner uid %ld", path, number);
    else
        snprintf(text, sizeof text, "file %s %s", path, format);
    snprintf(c->report.text, sizeof c->report.text, "%s", text);
}

/* Is the open file one that may forward mail of the user UID? */
static bool accept_forward(struct child *c, const struct stat *st, const char *path)
{
    uid_t uid = c->errand->user->uid;

    if (!S_ISREG(st->st_mode))
        complain(c, "is not a regular file", path, 0);
    else if (st->st_uid != 0 && st->st_uid != uid && st->st_uid != geteuid())
        complain(c, "%ld", path, (long)st->st_uid);
    else if (st->st_mode & 002)
        complain(c, "is world writable", path, 0);
    else
        return true;
    return false;
}

/* Read the first .forward file that is there.  False when the errand failed. */
static bool look_for_forward(struct child *c)
{
    const struct errand *e = c->errand;
    struct stat st;

    for (size_t i = 0; i < e->n_paths; i++) {
        if (lstat(e->paths[i], &st) < 0)
            continue;
        int fd = open(e->paths[i], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
            fail_errno(c, "", "cannot open file", e->paths[i]);
            c->report.result = OK;
            return true;
        }
        if (!accept_forward(c, &st, e->paths[i]))
            return true;
        if (!read_text(c, fd, e->paths[i]))
            return false;
        c->report.found = 1;
        c->report.path_index = (uint16_t)i;
        return true;
    }
    return true;
}

/* An :include: file that may be used, open; -1 with the failure reported. */
static int open_include(struct child *c, const char *path, struct stat *st)
{
    const struct identity *user = c->errand->user;
    struct error *e = &c->error;

    if (stat(path, st) < 0) {
        error_set_errno(
            e, errno == ENOENT || errno == ENOTDIR || errno == EACCES ? "5.3.5" : "4.3.0",
            "unable to lookup :include: file %s", path);
    } else if (!S_ISREG(st->st_mode)) {
        error_set(e, "5.3.5", ":include: file %s is not a regular file", path);
    } else if (st->st_mode & 002) {
        error_set(e, "5.3.5", ":include: file %s is world writable", path);
    } else if (user->uid == 0 && st->st_uid != 0 && !act_as(c, st->st_uid, st->st_gid)) {
        error_set_errno(e, "4.3.0", "cannot act for the owner of %s", path);
    } else {
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        error_set_errno(e, "4.3.0", "cannot open include file %s", path);
    }
    report_error(c);
    return -1;
}

static void read_include(struct child *c)
{
    const char *path = c->errand->paths[0];
    struct stat st;
    int fd = open_include(c, path, &st);

    if (fd >= 0 && read_text(c, fd, path)) {
        c->report.found = 1;
        c->report.file_owner = st.st_uid;
    }
}

/* --- writing --- */

/* May mail go into the open file? */
static bool accept_target(const struct errand *e, const struct mbox *m, bool acts,
                          struct error *error)
{
    uid_t owner = acts ? e->writer->uid : geteuid();

    if (e->is_mailbox && !m->is_regular)
        error_set(error, "5.2.0", "destination %s is not a regular file", e->path);
    else if (e->is_mailbox && e->strict_owner && m->owner != owner)
        error_set(error, "4.2.0", "destination %s is not owned by recipient", e->path);
    else if (!e->is_mailbox && m->is_regular && (m->mode & 0111))
        error_set(error, "5.7.1", "file is executable");
    else
        return true;
    return false;
}

/* Who makes and locks the file: its owner, with the directory's group where that may
 * write; or root, who then gives the file away. */
static bool choose_rights(struct child *c, struct mbox_place *place)
{
    const struct errand *e = c->errand;
    struct stat st;

    if (!c->acts || !e->spool_directory || stat(e->spool_directory, &st) < 0 ||
        (st.st_mode & S_IWOTH))
        return become(c, e->writer->uid, e->writer->gid);
    if (st.st_mode & S_IWGRP)
        return become(c, e->writer->uid, st.st_gid);
    place->give_away = true;
    place->give_uid = e->writer->uid;
    place->give_gid = e->writer->gid;
    return be_root(c);
}

static void write_mbox(struct child *c)
{
    const struct errand *e = c->errand;
    struct mbox_place place = {
        .path = e->path, .lock = &e->lock, .status = e->is_mailbox ? "4.2.0" : "5.2.0"};
    struct mbox m;

    if (!choose_rights(c, &place)) {
        fail_errno(c, "4.3.0", "cannot act for the owner of", e->path);
        return;
    }
    if (mbox_open(&m, &place, &c->error) != OK) {
        report_error(c);
        return;
    }
    bool ok = accept_target(e, &m, c->acts, &c->error);
    if (ok && place.give_away && !act_as(c, place.give_uid, place.give_gid)) {
        error_set_errno(&c->error, "4.3.0", "cannot act for the owner of %s", e->path);
        ok = false;
    }
    ok = ok && mbox_append(&m, &e->mbox, &c->error) == OK;
    if (place.give_away && !be_root(c))
        ok = false;
    mbox_close(&m);
    if (!ok)
        report_error(c);
}

static void write_maildir(struct child *c)
{
    const struct errand *e = c->errand;
    struct maildir_delivery maildir = e->maildir;

    if (!become(c, e->writer->uid, e->writer->gid))
        fail_errno(c, "4.3.0", "cannot act for the owner of", e->path);
    else if (maildir_deliver(&maildir, &c->error) != OK)
        report_error(c);
}

/* --- both --- */

/* The first half; false when there is nothing left to do. */
static bool read_first(struct child *c)
{
    const struct errand *e = c->errand;
    struct stat st;

    if (e->n_paths == 0 && !e->home)
        return true;
    if (!act_as(c, e->user->uid, e->user->gid)) {
        fail_errno(c, "4.3.0", "cannot act for", "the user");
        return false;
    }
    if (e->is_include) {
        read_include(c);
        return false;
    }
    if (e->home && stat(e->home, &st) < 0) {
        fail_errno(c, "4.3.0", "cannot access home directory", e->home);
        return false;
    }
    return look_for_forward(c) && !c->report.found;
}

int errand_child(const struct errand *errand, bool acts_for_users, int fd)
{
    struct child *c = NEW(struct child);

    c->errand = errand;
    c->acts = acts_for_users;
    c->fd = fd;
    c->report.result = OK;
    if (read_first(c)) {
        if (errand->target == ERRAND_MBOX)
            write_mbox(c);
        else if (errand->target == ERRAND_MAILDIR)
            write_maildir(c);
    }
    return send_report(c);
}
