/* imap_session_fuzz - an IMAP session against whatever a client says, on a real Maildir
 *
 * The first byte is the size of the pieces that the client's bytes come in.  The account
 * lies in a directory of this process and begins empty each time it has grown.
 */
#include "base/log.h"
#include "imap.h"
#include "run/loop.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/tmp/imap_fuzz.XXXXXX";
static unsigned runs;

bool worker_find_place(struct worker *w, struct view user, struct arena *a,
                       struct place *out, struct error *e)
{
    (void)w;
    (void)user;
    (void)a;
    (void)out;
    error_set(e, "5.1.1", "no other users here");
    return false;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void begin_anew(void)
{
    if (runs++ % 500 != 0)
        return;
    account_close_unused();
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void session_fiber(void *arg)
{
    struct store_session *s = arg;
    struct place place = {
        .format = PLACE_MAILDIR, .root = root, .owner = "jo", .host = "h"};
    struct error e = ERROR_INIT;

    if (account_open(&place, &s->account, &e) != STORE_OK)
        log_panic("%s", error_cstr(&e));
    (void)imap_session(s);
    account_close(s->account);
    account_close_unused();
    loop_stop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf *conf;
    struct error e = ERROR_INIT;

    if (!conf) {
        if (!conf_load_text("/nowhere", VIEW(""), NULL, 0, &conf, &e) || !mkdtemp(root))
            return 0;
        store_configure(conf);
    }
    if (size < 1 || size > 20000)
        return 0;
    begin_anew();
    struct str out = STR_INIT((size_t)1 << 30);
    struct store_session s = {.conf = conf,
                              .arena = arena_new(),
                              .protocol = STORE_IMAP,
                              .user = VIEW("jo"),
                              .tag = VIEW("a"),
                              .stream = stream_open_memory(
                                  (struct view){(const char *)data + 1, size - 1}, &out)};
    str_init(&s.summary, 512);
    stream_set_chunk(s.stream, data[0] % 64);
    loop_init();
    fiber_spawn("imap", session_fiber, &s);
    loop_run();
    loop_done();
    assert(out.n > 2 && out.p[out.n - 2] == '\r' && out.p[out.n - 1] == '\n');
    stream_close(s.stream);
    str_done(&out);
    str_done(&s.summary);
    arena_free(s.arena);
    return 0;
}
