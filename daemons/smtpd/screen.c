/* screen - the course of a test, from the connection to the server or the end
 *
 * Permanent lists, what is remembered, then the tests before the banner, then those
 * behind it, as POSTSCREEN_README tells.  Log lines have postscreen's tag.
 */
#include "screen_private.h"

#include "access/anvil.h"
#include "base/log.h"
#include "base/memory.h"

void screen_log(const struct screen *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write_as(s->tag, LOG_LEVEL_INFO, format, args);
    va_end(args);
}

static int64_t now(void)
{
    return clock_wall() / CLOCK_SECOND;
}

void screen_pass(struct screening *k, enum screen_test test, int64_t seconds)
{
    k->passed |= SCREEN_BIT(test);
    k->good_until[test] = now() + seconds;
}

bool screen_fail(struct screening *k, enum screen_test test, enum screen_action action,
                 const char *text)
{
    k->passed &= ~SCREEN_BIT(test);
    if (action == SCREEN_IGNORE)
        return true;
    k->failed |= SCREEN_BIT(test);
    k->keeps = true;
    if (action == SCREEN_ENFORCE) {
        k->refusal = arena_printf(k->session->arena, "550 %s", text);
        return true;
    }
    k->last = arena_printf(k->session->arena, "521 %s", text);
    k->is_dropped = true;
    return false;
}

void screen_hangup(struct screening *k, const char *phase)
{
    int64_t tenths = (clock_mono() - k->began) / (CLOCK_SECOND / 100);
    k->hung_up = k->keeps = true;
    screen_log(k->screen, "HANGUP after %lld.%02lld from %s in tests %s SMTP handshake",
               (long long)(tenths / 100), (long long)(tenths % 100), k->who, phase);
}

void screen_add_escaped(struct str *out, struct view v)
{
    static const char named[] = "\a\b\f\n\r\t\v\\", names[] = "abfnrtv\\";
    for (size_t i = 0; i < v.n && i < 100; i++) {
        int c = (unsigned char)v.p[i];
        const char *found = c ? strchr(named, c) : NULL;
        if (found)
            str_addf(out, "\\%c", names[found - named]);
        else if (ascii_is_print(c))
            str_add_char(out, (char)c);
        else
            str_addf(out, "\\%03o", (unsigned)c);
    }
}

/* --- before the banner --- */

/* Many clients at a time: less patience, unless the settings are the administrator's. */
static void note_stress(struct screen *s)
{
    uint64_t limit = (uint64_t)conf_int(s->conf, P_postscreen_pre_queue_limit);
    if (!s->is_stressed && limit > 1 && s->testing * 10 >= limit * 9) {
        s->is_stressed = true;
        screen_log(s, "entering STRESS mode with %llu connections",
                   (unsigned long long)s->testing);
    } else if (s->is_stressed && s->testing * 10 <= limit * 7) {
        s->is_stressed = false;
        screen_log(s, "leaving STRESS mode with %llu connections",
                   (unsigned long long)s->testing);
    }
}

static int64_t greet_wait(const struct screen *s)
{
    if (s->is_stressed && !conf_is_set(s->conf, P_postscreen_greet_wait))
        return 2 * CLOCK_SECOND;
    return conf_time(s->conf, P_postscreen_greet_wait);
}

/* The client spoke first.  False: it is dropped. */
static bool early_talker(struct screening *k)
{
    struct str text = STR_INIT(1024);
    struct view early = stream_peek(k->session->stream);
    int64_t spent = (clock_mono() - k->began) / (CLOCK_SECOND / 100);
    screen_add_escaped(&text, early);
    screen_log(k->screen, "PREGREET %zu after %lld.%02lld from %s: %.100s", early.n,
               (long long)(spent / 100), (long long)(spent % 100), k->who,
               str_cstr(&text));
    str_done(&text);
    return screen_fail(k, SCREEN_GREET, k->screen->actions[SCREEN_GREET],
                       "5.5.1 Protocol error");
}

/* The lists have answered, and only they were waited for, or they spare the rest. */
static bool has_heard_enough(const struct screening *k, const struct screen_score *score)
{
    int64_t sum, good = conf_int(k->screen->conf, P_postscreen_dnsbl_allowlist_threshold);
    return score && screen_score_is_whole(score, &sum) &&
           (!(k->todo & SCREEN_BIT(SCREEN_GREET)) || (good < 0 && sum <= good));
}

/* Wait until DEADLINE whether the client says something, or until the lists have said
 * enough, which is looked at in ever longer intervals. */
static enum stream_result listen_until(struct screening *k, int64_t deadline,
                                       const struct screen_score *score,
                                       struct view *early)
{
    struct stream *s = k->session->stream;
    enum stream_result got;
    int64_t end, pause = CLOCK_SECOND / 100;
    do {
        end = score && clock_in(pause) < deadline ? clock_in(pause) : deadline;
        pause *= 2;
        stream_set_deadline(s, end);
        got = stream_read_some(s, 512, early);
    } while (got == STREAM_TIMEOUT && end < deadline && !has_heard_enough(k, score));
    stream_set_deadline(s, CLOCK_NEVER);
    return got;
}

/* The time before the banner.  False: the client is gone, or dropped. */
static bool watch(struct screening *k, int64_t deadline, const struct screen_score *score)
{
    struct view early;
    enum stream_result got = listen_until(k, deadline, score, &early);
    if (got == STREAM_TIMEOUT) {
        if (k->todo & SCREEN_BIT(SCREEN_GREET) && clock_mono() >= deadline)
            screen_pass(k, SCREEN_GREET,
                        conf_time(k->screen->conf, P_postscreen_greet_ttl) /
                            CLOCK_SECOND);
        return true;
    }
    if (got != STREAM_OK) {
        screen_hangup(k, "before");
        return false;
    }
    stream_unread(k->session->stream, early.n);
    if (!(k->todo & SCREEN_BIT(SCREEN_GREET)))
        return true;
    if (!early_talker(k))
        return false;
    if ((k->todo & SCREEN_BIT(SCREEN_DNSBL)) && deadline > clock_mono())
        (void)fiber_sleep(deadline - clock_mono());
    return true;
}

/* What the DNS lists said.  False: drop. */
static bool judge_score(struct screening *k, struct screen_score *score)
{
    struct screen *s = k->screen;
    struct view where;
    int64_t ttl, sum = screen_take_score(s, score, k->session->arena, &where, &ttl);
    int64_t good = conf_int(s->conf, P_postscreen_dnsbl_allowlist_threshold);
    if (sum >= conf_int(s->conf, P_postscreen_dnsbl_threshold)) {
        screen_log(s, "DNSBL rank %lld for %s", (long long)sum, k->who);
        return screen_fail(
            k, SCREEN_DNSBL, s->actions[SCREEN_DNSBL],
            arena_printf(k->session->arena,
                         "5.7.1 Service unavailable; client [%.*s] blocked using %.*s",
                         VIEW_FMT(k->address), VIEW_FMT(where))
                .p);
    }
    screen_pass(k, SCREEN_DNSBL, ttl);
    for (enum screen_test t = 0; good < 0 && sum <= good && t < SCREEN_TESTS; t++) {
        if (t == SCREEN_DNSBL || !(k->todo & SCREEN_BIT(t)))
            continue;
        k->failed &= ~SCREEN_BIT(t);
        screen_pass(k, t, ttl);
        k->todo &= ~(SCREEN_BIT(t) & SCREEN_DEEP);
    }
    return true;
}

/* Tests that need only patience.  False: all is said. */
static bool test_early(struct screening *k)
{
    struct screen *s = k->screen;
    struct view teaser = conf_view(s->conf, P_postscreen_greet_banner);
    struct screen_score *score = NULL;
    if (!(k->todo & ~SCREEN_DEEP))
        return true;
    if (teaser.n > 0)
        stream_printf(k->session->stream, "220-%.*s\r\n", VIEW_FMT(teaser));
    if (stream_flush(k->session->stream) != STREAM_OK) {
        screen_hangup(k, "before");
        return false;
    }
    if (k->todo & SCREEN_BIT(SCREEN_DNSBL))
        score = screen_ask_lists(s, k->address);
    bool goes_on = watch(k, clock_in(greet_wait(s)), score);
    if (score && goes_on)
        return judge_score(k, score);
    if (score) {
        struct view where;
        int64_t ttl;
        (void)screen_take_score(s, score, k->session->arena, &where, &ttl);
    }
    return goes_on;
}

/* --- who need not be tested --- */

/* False: dropped. */
static bool deny(struct screening *k)
{
    struct screen *s = k->screen;
    screen_log(s, "%sLISTED %s", s->respectful ? "DENY" : "BLACK", k->who);
    if (s->denylist_action == SCREEN_IGNORE)
        return true;
    k->keeps = true;
    if (s->denylist_action == SCREEN_ENFORCE) {
        k->failed |= SCREEN_BIT(SCREEN_TESTS);
        k->refusal = VIEW("550 5.3.2 Service currently unavailable");
        return true;
    }
    k->last = VIEW("521 5.3.2 Service currently unavailable");
    k->is_dropped = true;
    return false;
}

/* The tests that are due. */
static void plan(struct screening *k)
{
    struct screen *s = k->screen;
    k->is_new = !(k->failed == 0 && screen_recall(s, k->address, k->good_until));
    if (k->is_new)
        memset(k->good_until, 0, sizeof k->good_until);
    for (enum screen_test t = 0; t < SCREEN_TESTS; t++) {
        bool is_due = k->good_until[t] < now();
        if (is_due && (s->enabled & SCREEN_BIT(t)))
            k->todo |= SCREEN_BIT(t);
        else if (is_due)
            k->good_until[t] = 1; /* as Postfix: not enabled */
    }
}

/* A client of an address that gives no pass (a backup MX). */
static void veto(struct screening *k, struct view server)
{
    struct error e = ERROR_INIT;
    struct screen *s = k->screen;
    if (match_client(s->allowlist_interfaces, VIEW("unknown"), server, &e) == MATCH_YES)
        return;
    screen_log(s, "%sLIST VETO %s", s->respectful ? "ALLOW" : "WHITE", k->who);
    k->is_vetoed = k->keeps = true;
}

/* WHAT is the log's line up to the client, WHY what follows. */
static bool refuse(struct screening *k, const char *what, const char *why,
                   const char *text)
{
    screen_log(k->screen, "%s from %s: %s", what, k->who, why);
    k->keeps = k->is_dropped = true;
    k->last = view_of(text);
    return false;
}

/* Too many clients?  False: this one is sent away. */
static bool has_room(struct screening *k)
{
    struct screen *s = k->screen;
    struct anvil_counts counts;
    int64_t clients = conf_int(s->conf, P_postscreen_client_connection_count_limit);
    uint64_t waiting = (uint64_t)conf_int(s->conf, P_postscreen_post_queue_limit);
    if (clients > 0)
        k->anvil = anvil_connect(s->conf, VIEW("postscreen"), k->address, &counts);
    if (k->anvil && counts.count > (uint64_t)clients)
        return refuse(k, "NOQUEUE: reject: CONNECT", "too many connections",
                      "421 4.7.0 Error: too many connections");
    if (s->has_sessions && s->sessions.free == 0 && s->waiting >= waiting)
        return refuse(k, "NOQUEUE: reject: CONNECT", "all server ports busy",
                      "421 4.3.2 All server ports are busy");
    return true;
}

/* All tests up to the banner, and the dialogue behind it; what is known goes into K. */
static void test(struct screening *k, struct view server)
{
    struct screen *s = k->screen;
    uint64_t most = (uint64_t)conf_int(s->conf, P_postscreen_pre_queue_limit);
    if (!has_room(k))
        return;
    switch (screen_judge(s, k->address)) {
    case SCREEN_PERMIT:
        screen_log(s, "%sLISTED %s", s->respectful ? "ALLOW" : "WHITE", k->who);
        return;
    case SCREEN_REJECT:
        if (!deny(k))
            return;
        break;
    case SCREEN_DUNNO:
        break;
    }
    plan(k);
    if (!k->todo && !k->keeps) {
        if (s->enabled)
            screen_log(s, "PASS OLD %s", k->who);
        return;
    }
    if (most > 0 && s->testing >= most) {
        (void)refuse(k, "reject: connect", "all screening ports busy",
                     "421 4.3.2 All screening ports are busy");
        return;
    }
    veto(k, server);
    if (test_early(k) && (k->keeps || (k->todo & SCREEN_DEEP))) {
        k->keeps = true;
        screen_talk(k);
    }
}

/* --- the end --- */

static void conclude(struct screening *k)
{
    struct screen *s = k->screen;
    unsigned missing = k->todo & ~k->passed;
    if (k->todo && !missing && !k->failed && !k->is_vetoed)
        screen_log(s, "PASS %s %s", k->is_new ? "NEW" : "OLD", k->who);
    if (k->passed && !k->is_vetoed)
        screen_remember(s, k->address, k->good_until);
    if (!k->keeps)
        return;
    if (!k->hung_up && k->last.n > 0) {
        reply(k->session, "%.*s", VIEW_FMT(k->last));
        (void)(stream_flush(k->session->stream) == STREAM_OK);
    }
    screen_log(s, "DISCONNECT %s", k->who);
}

/* Wait for one of the sessions behind the tests. */
static void take_session(struct screen *s)
{
    if (!s->has_sessions)
        return;
    s->waiting++;
    (void)slots_take(&s->sessions, CLOCK_NEVER);
    s->waiting--;
}

void screen_leave(struct screen *s)
{
    if (s->has_sessions)
        slots_give(&s->sessions);
}

bool screen_admits(struct screen *screen, struct session *client,
                   struct net_address *peer)
{
    struct session s = {.server = screen->server,
                        .stream = client->stream,
                        .arena = client->arena,
                        .ehlo_absent = EHLO_PIPELINING,
                        .facts.where = "CONNECT"};
    struct screening k = {.screen = screen,
                          .session = &s,
                          .refusal = VIEW("450 4.3.2 Service currently unavailable"),
                          .began = clock_mono()};
    if (!client_behind_proxy(&s, peer)) {
        reply(&s, "421 4.3.2 No system resources");
        (void)(stream_flush(s.stream) == STREAM_OK);
        return false;
    }
    client_identify(&s, peer);
    k.address = s.facts.client_address;
    (void)snprintf(k.who, sizeof k.who, "[%.*s]:%.*s", VIEW_FMT(k.address),
                   VIEW_FMT(s.facts.client_port));
    screen_log(screen, "CONNECT from %s to [%.*s]:%.*s", k.who,
               VIEW_FMT(s.facts.server_address), VIEW_FMT(s.facts.server_port));
    screen->testing++;
    note_stress(screen);
    test(&k, s.facts.server_address);
    screen->testing--;
    note_stress(screen);
    conclude(&k);
    if (k.anvil)
        ipc_close(k.anvil);
    tls_bye(s.stream);
    str_done(&s.helo);
    client->facts.server_address = s.facts.server_address;
    client->facts.server_port = s.facts.server_port;
    if (k.keeps)
        return false;
    take_session(screen);
    return true;
}

static void sweep(void *arg)
{
    struct screen *s = arg;
    int64_t interval = conf_time(s->conf, P_postscreen_cache_cleanup_interval);
    while (interval > 0 && fiber_sleep(interval) == WAKE_TIMEOUT)
        screen_memory_sweep(s);
}

void screen_start(struct screen *s)
{
    (void)fiber_spawn("screen sweep", sweep, s);
    if (s->server->tls)
        tls_server_watch(s->server->tls, NULL, NULL);
}
