/* table_probe - ask or change one table, for tests: also on a fiber, as daemons do
 *
 * Usage: table_probe CONFIG_DIRECTORY get|put|delete|fiber-get|fiber-put TABLE KEY
 * [VALUE] From the queue directory.  Prints the value; exits with 0, 1 (not found) or 2
 * (error, told on stderr).
 */
#include "run/fiber.h"
#include "run/loop.h"
#include "table/table.h"

static struct {
    const struct conf *conf;
    const char *action;
    struct view table, key, value;
    int status;
} probe;

static enum table_result act(struct table *t, struct arena *a, struct error *e)
{
    struct view value;
    enum table_result result = TABLE_ERROR;

    if (strcmp(probe.action, "get") == 0) {
        result = table_get(t, probe.key, a, &value, e);
        if (result == TABLE_FOUND)
            printf("%.*s\n", VIEW_FMT(value));
    } else if (strcmp(probe.action, "put") == 0) {
        result = table_put(t, probe.key, probe.value, e) ? TABLE_FOUND : TABLE_ERROR;
    } else if (strcmp(probe.action, "delete") == 0) {
        result = table_delete(t, probe.key, e) ? TABLE_FOUND : TABLE_ERROR;
    }
    return result;
}

static void run(void *arg)
{
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    struct table *t = table_open(probe.conf, probe.table, TABLE_FOLD);

    (void)arg;
    switch (act(t, a, &e)) {
    case TABLE_FOUND:
        break;
    case TABLE_NOT_FOUND:
        probe.status = 1;
        break;
    case TABLE_ERROR:
        fprintf(stderr, "%s\n", error_cstr(&e));
        probe.status = 2;
        break;
    }
    table_close(t);
    arena_free(a);
    if (fiber_self())
        loop_stop();
}

int main(int argc, char **argv)
{
    struct error e = ERROR_INIT;
    struct conf *c;

    if (argc < 5 || !conf_load(argv[1], NULL, 0, &c, &e)) {
        fprintf(stderr, "table_probe: %s\n", argc < 5 ? "usage" : error_cstr(&e));
        return 2;
    }
    bool on_fiber = strncmp(argv[2], "fiber-", strlen("fiber-")) == 0;
    probe.conf = c;
    probe.action = argv[2] + (on_fiber ? strlen("fiber-") : 0);
    probe.table = view_of(argv[3]);
    probe.key = view_of(argv[4]);
    probe.value = argc > 5 ? view_of(argv[5]) : VIEW_NONE;
    if (on_fiber) {
        loop_init();
        fiber_spawn("probe", run, NULL);
        loop_run();
        loop_done();
    } else {
        run(NULL);
    }
    conf_free(c);
    return probe.status;
}
