/* postmap - make, query and change look-up tables; as postalias: alias tables
 *
 * Usage: postmap [-bfFhijmnNoprsuUvw] [-c config_dir] [-d key] [-q key]
 * [file_type:]file_name ...  -j (JSON) is from Postfix 3.11.  postmap(1), postalias(1).
 */
#include "postmap.h"

#include "base/arena.h"
#include "base/log.h"
#include "service/instance.h"
#include "table/indexed.h"

#include <unistd.h>

/* What the command line asks for. */
struct arguments {
    const char *directory, *query, *remove;
    bool list, no_utf8, force_utf8;
    struct request request;
};

__attribute__((noreturn)) static void usage(bool aliases)
{
    if (aliases)
        log_fatal("usage: postalias [-Nfijnoprsuvw] [-c config_dir] [-d key] [-q key] "
                  "[map_type:]file...");
    log_fatal("usage: postmap [-bfFhijmnNoprsuUvw] [-c config_dir] [-d key] [-q key] "
              "[map_type:]file...");
}

/* One option that only sets a flag; false when LETTER is none. */
static bool take_flag(struct arguments *a, int letter)
{
    struct request *r = &a->request;

    switch (letter) {
    case 'f':
        r->build_flags |= INDEXED_KEEP_CASE;
        r->table_flags &= ~(unsigned)TABLE_FOLD;
        return true;
    case 'i':
        r->build_flags |= INDEXED_INCREMENTAL | INDEXED_FROM_STDIN;
        return true;
    case 'N':
        r->build_flags |= INDEXED_WITH_NUL;
        return true;
    case 'n':
        r->build_flags &= ~(unsigned)INDEXED_WITH_NUL;
        return true;
    case 'o':
        r->build_flags |= INDEXED_STAY_ROOT;
        return true;
    case 'p':
        r->build_flags |= INDEXED_OWN_MODE;
        return true;
    case 'r':
        r->build_flags |= INDEXED_REPLACE;
        return true;
    case 'w':
        r->build_flags |= INDEXED_QUIET;
        return true;
    case 'j':
        r->json = true;
        return true;
    case 's':
        a->list = true;
        return true;
    case 'u':
        a->no_utf8 = true;
        return true;
    case 'v':
        log_verbose++;
        return true;
    default:
        return false;
    }
}

/* One option that postalias does not have; false when LETTER is none. */
static bool take_postmap_flag(struct arguments *a, int letter)
{
    struct request *r = &a->request;

    switch (letter) {
    case 'b':
        r->body = true;
        return true;
    case 'F':
        r->files = true;
        return true;
    case 'h':
        r->headers = true;
        return true;
    case 'm':
        r->mime = true;
        return true;
    case 'U':
        a->force_utf8 = true;
        return true;
    default:
        return false;
    }
}

static void check_together(const struct arguments *a)
{
    const struct request *r = &a->request;

    if (a->list && (a->query || a->remove))
        log_fatal("specify only one of -s or -q or -d");
    if (a->query && a->remove)
        log_fatal("specify only one of -s -q or -d");
    if ((r->body || r->headers || r->mime) &&
        (a->query == NULL || strcmp(a->query, "-") != 0))
        log_fatal("specify -b -h or -m only with \"-q -\"");
    if (r->mime && !r->body && !r->headers)
        log_warning("ignoring -m option without -b or -h");
    if (r->json && !a->query && !a->list)
        log_fatal("specify -j only with -q or -s");
}

static void parse(struct arguments *a, int argc, char **argv)
{
    bool aliases = a->request.aliases;
    int letter;

    while ((letter = getopt(argc, argv,
                            aliases ? "c:d:fijNnopq:rsuvw"
                                    : "bc:d:fFhijmNnopq:rsuUvw")) != -1) {
        if (letter == 'c')
            a->directory = optarg;
        else if (letter == 'd')
            a->remove = optarg;
        else if (letter == 'q')
            a->query = optarg;
        else if (!take_flag(a, letter) && (aliases || !take_postmap_flag(a, letter)))
            usage(aliases);
    }
    if (optind == argc)
        usage(aliases);
    check_together(a);
}

/* "file" and "hash:file" with an absolute path. */
static struct view table_spec_of(const struct conf *c, struct arena *arena,
                                 const char *argument)
{
    struct view text = view_of(argument), type, name;
    char *here;

    if (!view_cut(text, ':', &type, &name)) {
        type = conf_view(c, P_default_database_type);
        name = text;
    }
    if (!indexed_is_type(type) || view_starts(name, VIEW("/")))
        return arena_printf(arena, "%.*s:%.*s", VIEW_FMT(type), VIEW_FMT(name));
    here = getcwd(NULL, 0);
    if (here == NULL)
        log_fatal("cannot find the working directory");
    text = arena_printf(arena, "%.*s:%s/%.*s", VIEW_FMT(type), here, VIEW_FMT(name));
    free(here);
    return text;
}

/* Must keys and values be UTF-8?  Queries by -b and -h need not, unless -U says so. */
static bool wants_utf8(const struct arguments *a)
{
    const struct request *r = &a->request;

    return conf_bool(r->conf, P_smtputf8_enable) && !a->no_utf8 &&
           (a->force_utf8 || (!r->headers && !r->body));
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    struct arguments a = {.request.table_flags = TABLE_FOLD};
    struct request *r = &a.request;
    struct arena *arena = arena_new();
    int status;

    r->aliases = strcmp(name, "postalias") == 0;
    name = r->aliases ? "postalias" : "postmap";
    log_set_command(name);
    parse(&a, argc, argv);
    r->conf = instance_conf(a.directory);
    table_network_directly();
    instance_log_command(r->conf, name);
    if (wants_utf8(&a))
        r->build_flags |= INDEXED_UTF8;
    r->n_tables = (size_t)(argc - optind);
    r->tables = arena_alloc_array(arena, r->n_tables, sizeof r->tables[0]);
    for (size_t i = 0; i < r->n_tables; i++)
        r->tables[i] = table_spec_of(r->conf, arena, argv[optind + (int)i]);
    if (a.remove)
        status = delete_keys(r, a.remove);
    else if (a.query && strcmp(a.query, "-") == 0)
        status = query_stdin(r);
    else if (a.query)
        status = query_key(r, view_of(a.query));
    else if (a.list)
        status = list_tables(r);
    else
        status = build_tables(r);
    arena_free(arena);
    if (fflush(stdout) != 0)
        log_fatal("write to standard output failed");
    return status;
}
