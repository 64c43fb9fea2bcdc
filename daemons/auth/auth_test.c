/* auth_test - delays of networks that failed, and bearer tokens made by the openssl
 * command
 */
#include "auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "run/fiber.h"
#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/auth_test.XXXXXX";
static struct auth auth;
static struct arena *arena;

static void use(const char *settings)
{
    struct error e = ERROR_INIT;
    struct conf *c;
    struct view text = arena_printf(arena, "myhostname = a.b\n%s", settings);
    assert_true(conf_load_text(directory, text, NULL, 0, &c, &e));
    auth.conf = c;
}

static void done(void)
{
    conf_free((struct conf *)(uintptr_t)auth.conf);
    auth.conf = NULL;
}

/* --- delays --- */

static int64_t penalty(const char *client)
{
    return penalty_of(&auth, view_of(client)) / CLOCK_SECOND;
}

static void failed(const char *client)
{
    penalty_add(&auth, view_of(client));
}

/* Each failure doubles the wait of the whole network, up to the limit. */
static void delays(void **state)
{
    (void)state;
    use("auth_failure_delay = 1s\nauth_failure_delay_limit = 5s\n");
    assert_int_equal(penalty("192.0.2.1"), 1);
    failed("192.0.2.1");
    assert_int_equal(penalty("192.0.2.200"), 2);
    assert_int_equal(penalty("192.0.3.1"), 1);
    failed("192.0.2.2");
    assert_int_equal(penalty("192.0.2.1"), 4);
    for (int i = 0; i < 100; i++)
        failed("192.0.2.1");
    assert_int_equal(penalty("192.0.2.1"), 5);
    failed("2001:db8:0:12::1");
    assert_int_equal(penalty("2001:db8:0:34::1"), 2); /* one /56 */
    assert_int_equal(penalty("2001:db8:0:134::1"), 1);
    failed("nonsense");
    assert_int_equal(penalty("other nonsense"), 2);
    assert_int_equal(penalty_count(), 3);
    penalty_clear(&auth, VIEW("192.0.2.99"));
    assert_int_equal(penalty("192.0.2.1"), 1);
    done();
}

static void time_forgets(void **state)
{
    (void)state;
    use("auth_failure_delay = 1s\nauth_failure_memory = 1s\n");
    failed("198.51.100.1");
    assert_int_equal(penalty("198.51.100.1"), 2);
    usleep(1100000);
    assert_int_equal(penalty("198.51.100.1"), 1);
    done();
}

/* --- turns --- */

static unsigned active, peak, finished;

static void guess(void *arg)
{
    struct turn *turn;
    assert_true(turn_take(&auth, view_of(arg), &turn));
    peak = ++active > peak ? active : peak;
    (void)fiber_sleep(CLOCK_SECOND / 100);
    active--;
    finished++;
    turn_end(turn);
}

static void attack(void *arg)
{
    static char one[] = "192.0.2.1", other[] = "192.0.2.99"; /* the same network */
    active = peak = finished = 0;
    for (int i = 0; i < 40; i++)
        fiber_spawn("guess", guess, i % 2 ? one : other);
    (void)fiber_sleep(CLOCK_SECOND / 200);
    assert_int_equal(turn_count(), 1);
    /* Another network has turns of its own at once. */
    struct turn *turn;
    assert_true(turn_take(&auth, VIEW("198.51.100.1"), &turn));
    assert_int_equal(turn_count(), 2);
    turn_end(turn);
    while (finished < 40)
        (void)fiber_sleep(CLOCK_SECOND / 100);
    (void)arg;
    loop_stop();
}

/* A network's guesses go in groups of the limit, however many come at once. */
static void turns(void **state)
{
    (void)state;
    use("auth_client_login_concurrency_limit = 4\n");
    loop_init();
    fiber_spawn("attack", attack, NULL);
    loop_run();
    assert_int_equal(peak, 4);
    assert_int_equal(turn_count(), 0);
    done();
    use("auth_client_login_concurrency_limit = 0\n");
    struct turn *turn;
    assert_true(turn_take(&auth, VIEW("192.0.2.1"), &turn));
    assert_null(turn);
    turn_end(turn);
    done();
}

/* --- tokens --- */

/* Run COMMAND in the directory; what it says. */
static struct view shell(const char *command)
{
    struct str out = STR_INIT(16384);
    char buffer[1024];
    size_t n;
    struct view whole = arena_printf(arena, "cd %s && %s", directory, command);
    FILE *f = popen(whole.p, "r");
    assert_non_null(f);
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
        str_add(&out, (struct view){buffer, n});
    assert_int_equal(pclose(f), 0);
    struct view said = arena_dup(arena, str_view(&out));
    str_done(&out);
    return said;
}

#define URL "| openssl base64 -A | tr '+/' '-_' | tr -d '='"

/* A token of HEADER and CLAIMS, signed by SIGN, a command. */
static struct view token(const char *header, const char *claims, const char *sign)
{
    struct view text =
        arena_printf(arena,
                     "h=$(printf '%%s' '%s' " URL "); c=$(printf '%%s' '%s' " URL
                     "); printf '%%s.%%s.' $h $c; printf '%%s.%%s' $h $c | %s " URL,
                     header, claims, sign);
    return shell(text.p);
}

static const char rs256[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
static const char by_key[] = "openssl dgst -sha256 -sign key.pem -binary";

static const char *claims(const char *user, long expires, const char *more)
{
    return arena_printf(arena, "{\"email\":\"%s\",\"exp\":%ld%s}", user, expires, more).p;
}

static bool accepts(struct view t, const char *user, const char *owner)
{
    struct view found = VIEW_NONE;
    struct error e = ERROR_INIT;
    enum result r = token_check(&auth, t, view_of(user), arena, &found, &e);
    assert_true(r == OK || error_is_set(&e));
    return r == OK && view_eq(found, view_of(owner));
}

static void tokens(void **state)
{
    struct error e = ERROR_INIT;
    long soon = time(NULL) + 100, past = time(NULL) - 100;
    (void)state;
    (void)shell("openssl genrsa -out key.pem 2048 2>/dev/null && openssl rsa -in key.pem "
                "-pubout -out public.pem 2>/dev/null && openssl genrsa -out other.pem "
                "2048 2>/dev/null");
    use("auth_token_keys = public.pem\nauth_token_audience = mail\n"
        "auth_token_issuer = https://id.example\n");
    auth.keys = keyring_open(auth.conf, &e);
    assert_non_null(auth.keys);
    const char *ours = ",\"aud\":\"mail\",\"iss\":\"https://id.example\"";
    const char *good = claims("tim", soon, ours);
    assert_true(accepts(token(rs256, good, by_key), "tim", "tim"));
    assert_true(accepts(token(rs256, good, by_key), "", "tim"));
    assert_false(accepts(token(rs256, good, by_key), "bob", "tim"));
    const char *many = ",\"aud\":[\"web\",\"mail\"],\"iss\":\"https://id.example\"";
    assert_true(accepts(token(rs256, claims("tim", soon, many), by_key), "tim", "tim"));
    assert_false(accepts(token(rs256, claims("tim", past, ours), by_key), "tim", "tim"));
    assert_false(accepts(token(rs256, claims("", soon, ours), by_key), "", ""));
    const char *other = ",\"aud\":\"mailing\",\"iss\":\"https://id.example\"";
    assert_false(accepts(token(rs256, claims("tim", soon, other), by_key), "tim", "tim"));
    const char *issuer = ",\"aud\":\"mail\",\"iss\":\"https://other.example\"";
    assert_false(
        accepts(token(rs256, claims("tim", soon, issuer), by_key), "tim", "tim"));
    const char *early = arena_printf(arena, "%s,\"nbf\":%ld", ours, soon).p;
    assert_false(accepts(token(rs256, claims("tim", soon, early), by_key), "tim", "tim"));
    assert_false(
        accepts(token(rs256, good, "openssl dgst -sha256 -sign other.pem -binary"), "tim",
                "tim"));
    /* Anybody has the public key: it must not count as a shared secret, nor must nothing.
     */
    assert_false(accepts(
        token(
            "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", good,
            "openssl dgst -sha256 -mac HMAC -macopt hexkey:$(od -An -v -tx1 public.pem | "
            "tr -d ' \\n') -binary"),
        "tim", "tim"));
    assert_false(accepts(token("{\"alg\":\"none\"}", good, "true"), "tim", "tim"));
    assert_false(accepts(VIEW("a.b.c"), "tim", "tim"));
    assert_false(accepts(VIEW(""), "tim", "tim"));
    keyring_close(auth.keys);
    done();
}

static void bad_keyring(void **state)
{
    struct error e = ERROR_INIT;
    (void)state;
    use("auth_token_keys = missing.pem\n");
    assert_null(keyring_open(auth.conf, &e));
    assert_non_null(strstr(e.text, "missing.pem"));
    done();
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    assert_non_null(mkdtemp(directory));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)shell("rm -f key.pem public.pem other.pem");
    arena_free(arena);
    (void)rmdir(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays), cmocka_unit_test(time_forgets), cmocka_unit_test(turns),
        cmocka_unit_test(tokens), cmocka_unit_test(bad_keyring),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
