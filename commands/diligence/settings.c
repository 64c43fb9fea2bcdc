/* settings - set-permissions, upgrade-configuration, and words of other releases
 *
 * Both take name=value pairs that go into main.cf first.  Source: postfix(1),
 * postfix-tls(1), postfix-non-bdb(1).
 */
#include "base/log.h"
#include "conf/master_cf.h"
#include "diligence.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Write the arguments, each name=value, into main.cf with postconf -e. */
static void write_settings(const struct control *c)
{
    struct str postconf = STR_INIT(4096);
    const char **argv;
    int status = 0;
    struct arena *a = arena_new();

    argv = arena_alloc_array(a, (size_t)c->argc + 5, sizeof *argv);
    str_setf(&postconf, "%s/postconf", instance_bin(c->conf));
    argv[0] = str_cstr(&postconf);
    argv[1] = "-c";
    argv[2] = c->directory;
    argv[3] = "-e";
    for (int i = 0; i < c->argc; i++) {
        if (!strchr(c->argv[i], '='))
            log_fatal("not name=value: \"%s\"", c->argv[i]);
        argv[4 + i] = c->argv[i];
    }
    pid_t pid = fork();
    if (pid == 0) {
        execv(argv[0], (char *const *)(uintptr_t)argv);
        log_fatal("run %s: %s", argv[0], strerror(errno));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        log_fatal("main.cf was not changed");
    str_done(&postconf);
    arena_free(a);
}

/* The same, and read main.cf anew. */
static void take_settings(struct control *c)
{
    static struct conf *fresh __attribute__((used)); /* leak checkers find it here */
    struct error e = ERROR_INIT;

    if (c->argc == 0)
        return;
    write_settings(c);
    if (!conf_load(c->directory, NULL, 0, &fresh, &e) ||
        !instance_owner(fresh, &c->owner, &e))
        log_fatal("%s", error_cstr(&e));
    c->conf = fresh;
}

int set_permissions(struct control *c)
{
    struct error e = ERROR_INIT;

    take_settings(c);
    if (!directories_repair(c, &e))
        log_fatal("%s", error_cstr(&e));
    return 0;
}

/* main.cf and master.cf are read as they are, so nothing in them needs an upgrade; what
 * the disk lacks is made. */
int upgrade_configuration(struct control *c)
{
    struct error e = ERROR_INIT;

    take_settings(c);
    if (!directories_repair(c, &e))
        log_fatal("%s", error_cstr(&e));
    log_info("%s: main.cf and master.cf of Postfix are used as they are, nothing to "
             "upgrade",
             c->directory);
    return 0;
}

/* --- words of other releases --- */

/* hash: and btree: never were Berkeley DB here (docs/decisions/0006-tables.md). */
int non_bdb(struct control *c)
{
    const char *word = c->argc > 0 ? c->argv[0] : "";

    if (strcmp(word, "status") == 0) {
        printf("hash: and btree: tables are LMDB files, Berkeley DB is not used; nothing "
               "is to be migrated\n");
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (strcmp(word, "disable") == 0)
        log_fatal("non-bdb disable: there is no Berkeley DB to go back to");
    if (strcmp(word, "enable-redirect") == 0 || strcmp(word, "enable-reindex") == 0) {
        log_info("non-bdb %s: nothing to do, hash: and btree: tables are LMDB files; "
                 "postmap and newaliases make those new that another system left",
                 word);
        return 0;
    }
    log_fatal("usage: non-bdb status|disable|enable-redirect|enable-reindex");
}
