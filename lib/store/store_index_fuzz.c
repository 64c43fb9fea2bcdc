/* store_index_fuzz - any bytes as the index file, or written over a good one
 *
 * Whatever is in the file, the index opens, gives rows or tells that it is damaged, and
 * can be made again.
 */
#include "store/index.h"

#include "base/log.h"

#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void remove_files(void)
{
    static const char *const ends[] = {"",         "-wal",         "-shm",
                                       ".damaged", ".damaged-wal", ".damaged-shm"};
    char name[100];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static void take_message(const struct mailbox_message *m, struct view key, void *arg)
{
    *(size_t *)arg += m->uid + key.n;
}

static bool take_piece(uint32_t uid, struct view bytes, void *arg)
{
    *(size_t *)arg += uid + bytes.n;
    return true;
}

static void use(struct index *ix)
{
    struct index_folder f;
    struct error e = ERROR_INIT;
    struct mailbox_message m = {.uid = 2, .key = (char[]){"key"}};
    size_t sum = 0;

    index_folder_init(&f);
    (void)index_folder_get(ix, 1, &f);
    (void)index_messages(ix, 1, take_message, &sum);
    index_cache_walk(ix, 1, CACHE_BODY, 0, UINT32_MAX, take_piece, &sum);
    if (index_begin(ix, &e) == STORE_OK) {
        index_folder_put(ix, 1, &f);
        index_message_put(ix, 1, &m);
        index_messages_remove(ix, 1, 1, 1);
        index_vanished_add(ix, 1, 1, 5);
        (void)!index_commit(ix, &e);
    }
    index_folder_done(&f);
}

/* A file that is as it should be. */
static void make_good(void)
{
    struct index *ix;
    struct error e = ERROR_INIT;

    assert(index_open(path, &ix, &e) == STORE_OK);
    use(ix);
    index_close(ix);
    sqlite3 *db;
    assert(sqlite3_open(path, &db) == SQLITE_OK);
    (void)sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    sqlite3_close(db);
}

static void spoil(struct view v, uint64_t at, bool whole)
{
    int fd = open(path, O_WRONLY | (whole ? O_CREAT | O_TRUNC : 0), 0600);

    assert(fd >= 0);
    (void)!pwrite(fd, v.p, v.n, (off_t)at);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e = ERROR_INIT;
    struct index *ix;

    if (size < 3 || size > 40000)
        return 0;
    if (!path[0]) {
        snprintf(path, sizeof path, "%s/store-index-fuzz.%d",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
        log_set_file(open("/dev/null", O_WRONLY));
    }
    remove_files();
    bool whole = data[0] & 1;
    if (!whole)
        make_good();
    spoil((struct view){(const char *)data + 3, size - 3},
          whole ? 0 : (uint64_t)data[1] << 8 | data[2], whole);
    if (index_open(path, &ix, &e) == STORE_OK) {
        use(ix);
        bool damaged = index_is_damaged(ix);
        index_close(ix);
        if (damaged)
            assert(index_renew(path, &e) == STORE_OK);
        assert(index_open(path, &ix, &e) == STORE_OK);
        index_close(ix);
    }
    remove_files();
    return 0;
}
