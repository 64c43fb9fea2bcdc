/* rewrite_probe - what becomes of addresses, for comparing with another mail system
 *
 *     rewrite_probe CONFIG_DIRECTORY < ADDRESSES
 *
 * One address a line, in internal form; three results a line, separated by TABs: its
 * local form, its form as in remote headers, and "transport:nexthop:recipient" or
 * "error".
 */
#include "rewrite/rewrite.h"

#include "base/log.h"

int main(int argc, char **argv)
{
    struct conf *c;
    struct error e = ERROR_INIT;
    static char line[4096];
    if (argc != 2 || !conf_load(argv[1], NULL, 0, &c, &e)) {
        fprintf(stderr, "%s\n", error_cstr(&e));
        return 1;
    }
    struct rewrite *r = rewrite_new(c);
    struct arena *a = arena_new();
    while (fgets(line, sizeof line, stdin)) {
        struct view address = view_trim(view_of(line), VIEW("\n"));
        struct view local = rewrite_address(r, REWRITE_LOCAL, address, a);
        struct view remote = rewrite_address(r, REWRITE_REMOTE, address, a);
        struct resolved to;
        if (resolve_address(r, VIEW("sender@example.org"), address, a, &to, &e) != OK)
            return 1;
        printf("%.*s\t%.*s\t", VIEW_FMT(local), VIEW_FMT(remote));
        if (to.is_error)
            printf("error\n");
        else
            printf("%.*s:%.*s:%.*s%s\n", VIEW_FMT(to.transport), VIEW_FMT(to.nexthop),
                   VIEW_FMT(to.recipient), to.is_routed ? " routed" : "");
        arena_reset(a);
    }
    arena_free(a);
    rewrite_free(r);
    conf_free(c);
    return 0;
}
