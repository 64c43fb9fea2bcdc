/* counts - sessions and rates of each client; see counts.h
 *
 * A rate is the number of events since the client's time unit began; the first event
 * after its end begins the next one.  anvil(8).
 */
#include "counts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <time.h>

void counts_init(struct counts *c, int64_t time_unit)
{
    *c = (struct counts){.clients = hash_new(), .time_unit = time_unit};
}

void counts_done(struct counts *c)
{
    hash_free(c->clients, memory_free);
}

static void note_peak(struct peak *p, uint64_t value, const char *ident)
{
    if (value <= p->value)
        return;
    p->value = value;
    p->when = clock_wall();
    (void)snprintf(p->ident, sizeof p->ident, "%s", ident);
}

void counts_event(struct counts *c, struct client *client, enum anvil_event event,
                  int64_t now, struct anvil_counts *out)
{
    bool is_report = event == ANVIL_NEW_TLS_REPORT;
    if (client->start + c->time_unit < now) {
        memset(client->rates, 0, sizeof client->rates);
        client->start = now;
    }
    if (is_report)
        event = ANVIL_NEW_TLS;
    else
        client->rates[event]++;
    note_peak(&c->rates[event], client->rates[event], client->ident);
    *out = (struct anvil_counts){.count = client->count, .rate = client->rates[event]};
}

struct client *counts_enter(struct counts *c, struct view ident, int64_t now,
                            struct anvil_counts *out)
{
    struct client *client = hash_get(c->clients, ident);
    if (client == NULL) {
        client = memory_alloc(sizeof *client + ident.n + 1);
        memcpy(client->ident, ident.p, ident.n);
        client->ident[ident.n] = '\0';
        client->start = now;
        (void)hash_put(c->clients, ident, client);
        note_peak(&c->size, hash_count(c->clients), "");
    }
    client->count++;
    note_peak(&c->sessions, client->count, client->ident);
    counts_event(c, client, ANVIL_CONNECTION, now, out);
    return client;
}

void counts_leave(struct client *client)
{
    client->count--;
}

void counts_sweep(struct counts *c, int64_t now)
{
    size_t position = 0;
    struct view key;
    void *value;
    while (hash_next(c->clients, &position, &key, &value)) {
        struct client *client = value;
        if (client->count > 0 || client->start + c->time_unit >= now)
            continue;
        (void)hash_remove(c->clients, key);
        memory_free(client);
    }
}

/* "Nov 22 06:07:08". */
static const char *when_text(int64_t when, char text[32])
{
    struct tm local;
    time_t seconds = (time_t)(when / CLOCK_SECOND);
    if (!localtime_r(&seconds, &local) ||
        strftime(text, 32, "%b %e %H:%M:%S", &local) == 0)
        text[0] = '\0';
    return text;
}

void counts_log(struct counts *c)
{
    static const char *const names[ANVIL_EVENTS] = {
        [ANVIL_CONNECTION] = "connection",
        [ANVIL_MESSAGE] = "message",
        [ANVIL_RECIPIENT] = "recipient",
        [ANVIL_NEW_TLS] = "newtls",
        [ANVIL_AUTH] = "auth",
    };
    char text[32];
    for (int i = 0; i < ANVIL_EVENTS; i++) {
        const struct peak *p = &c->rates[i];
        if (p->value > 0 && names[i])
            log_info("statistics: max %s rate %llu/%llds for (%s) at %s", names[i],
                     (unsigned long long)p->value,
                     (long long)(c->time_unit / CLOCK_SECOND), p->ident,
                     when_text(p->when, text));
        if (i == ANVIL_CONNECTION && c->sessions.value > 0)
            log_info("statistics: max connection count %llu for (%s) at %s",
                     (unsigned long long)c->sessions.value, c->sessions.ident,
                     when_text(c->sessions.when, text));
    }
    if (c->size.value > 0)
        log_info("statistics: max cache size %llu at %s",
                 (unsigned long long)c->size.value, when_text(c->size.when, text));
    memset(c->rates, 0, sizeof c->rates);
    c->sessions = c->size = (struct peak){.value = 0};
}
