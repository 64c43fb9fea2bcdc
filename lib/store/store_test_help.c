/* store_test_help - a place for mailboxes in a temporary directory, and a fiber to test
 * in */
#include "store/store_test_help.h"

#include "run/loop.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

char help_root[64];
struct place help_place;
static char maildir[100];

int help_set_up(void **state)
{
    (void)state;
    snprintf(help_root, sizeof help_root, "/tmp/store-test-XXXXXX");
    assert_non_null(mkdtemp(help_root));
    snprintf(maildir, sizeof maildir, "%s/Maildir", help_root);
    help_place = (struct place){.format = PLACE_MAILDIR,
                                .root = maildir,
                                .owner = "anna",
                                .host = "test.example"};
    loop_init();
    return 0;
}

static int remove_item(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int help_tear_down(void **state)
{
    (void)state;
    loop_done();
    nftw(help_root, remove_item, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void in_fiber(void *arg)
{
    void (*const *test)(void) = arg;

    (*test)();
    account_close_unused();
    loop_stop();
}

void help_run(void (*test)(void))
{
    fiber_spawn("test", in_fiber, &test);
    loop_run();
}

void help_ok(enum store_result r, const struct error *e)
{
    if (r != STORE_OK)
        fail_msg("result %d: %s", (int)r, error_cstr(e));
}

static void path_of(const char *path, char out[HELP_PATH])
{
    snprintf(out, HELP_PATH, "%s/%s", help_root, path);
}

void help_write(const char *path, const char *text)
{
    char full[HELP_PATH];
    path_of(path, full);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

void help_read(const char *path, char *out, size_t size)
{
    char full[HELP_PATH];
    path_of(path, full);
    int fd = open(full, O_RDONLY);

    assert_true(fd >= 0);
    ssize_t n = read(fd, out, size - 1);
    assert_true(n >= 0);
    out[n] = '\0';
    close(fd);
}

bool help_exists(const char *path)
{
    char full[HELP_PATH];
    struct stat st;

    path_of(path, full);
    return stat(full, &st) == 0;
}

size_t help_count(const char *path)
{
    char full[HELP_PATH];
    size_t n = 0;
    struct dirent *item;

    path_of(path, full);
    DIR *d = opendir(full);
    assert_non_null(d);
    while ((item = readdir(d)) != NULL)
        n += item->d_name[0] != '.';
    closedir(d);
    return n;
}

void help_name(const char *path, const char *prefix, char *out, size_t size)
{
    char full[HELP_PATH];
    struct dirent *item;
    size_t found = 0;

    path_of(path, full);
    DIR *d = opendir(full);
    assert_non_null(d);
    while ((item = readdir(d)) != NULL)
        if (item->d_name[0] != '.' &&
            view_starts(view_of(item->d_name), view_of(prefix))) {
            snprintf(out, size, "%s", item->d_name);
            found++;
        }
    closedir(d);
    assert_int_equal(found, 1);
}

uint32_t help_append(struct mailbox *b, const char *text, uint32_t flags,
                     const char *keywords)
{
    struct mailbox_append *p;
    struct error e = ERROR_INIT;
    struct mailbox_append_message m = {
        .flags = flags, .keywords = view_of(keywords), .received = 1000000000};
    uint32_t uid;
    size_t n;

    CHECK_OK(mailbox_append_begin(b, &p, &e));
    CHECK_OK(mailbox_append_message(p, &m, &e));
    CHECK_OK(mailbox_append_bytes(p, view_of(text), &e));
    CHECK_OK(mailbox_append_commit(p, &uid, &n, &e));
    assert_int_equal(n, 1);
    return uid;
}
