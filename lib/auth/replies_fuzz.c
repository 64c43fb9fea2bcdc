/* replies_fuzz - Dovecot's auth server and saslauthd, hostile: all that they may answer
 *
 * The first byte chooses: saslauthd's verdict, Dovecot's greeting, or a login.
 */
#include "auth/auth_private.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The client of the session answers each challenge, but not for ever. */
static bool ask(void *arg, struct view challenge, struct view *answer)
{
    unsigned *left = arg;
    *answer = challenge;
    return (*left)-- > 0;
}

static void login(struct stream *s, struct view input)
{
    unsigned answers = 5;
    struct auth_server server = {.path = VIEW("/nowhere"), .service = VIEW("smtp")};
    struct auth_login l = {.server = &server};
    l.sasl.arena = arena_new();
    l.sasl.ask = ask;
    l.sasl.arg = &answers;
    if (dovecot_converse(&l, s) == SASL_PROVED)
        assert(view_find_view(input, VIEW("OK\t1")) != VIEW_NPOS);
    arena_free(l.sasl.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error e = ERROR_INIT;
    struct str names = STR_INIT(AUTH_NAMES_MAX), output = STR_INIT(1 << 20);
    if (size < 1)
        return 0;
    const struct view input = {(const char *)data + 1, size - 1};
    struct stream *s = stream_open_memory(input, &output);
    if (data[0] % 3 == 0)
        assert(saslauthd_verdict(s, &e) != OK ||
               view_eq(view_sub(input, 2, 2), VIEW("OK")));
    else if (data[0] % 3 == 1)
        assert(dovecot_greet(s, &names, &e) || error_is_set(&e));
    else
        login(s, input);
    stream_close(s);
    str_done(&names);
    str_done(&output);
    return 0;
}
