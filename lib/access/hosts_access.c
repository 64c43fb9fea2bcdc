/* hosts_access - who may connect at all; see hosts_access.h
 */
#include "access/hosts_access.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/lines.h"
#include "run/trail.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)16 << 20)

struct hosts_file {
    const char *path;
    bool denies;
    bool is_unreadable;
    struct stat seen; /* st_ino 0: it was not there */
    struct hosts_rules *rules;
};

struct hosts_access {
    struct hosts_file files[2];
    int64_t next_look;
};

static void log_fault(void *arg, unsigned line, const char *text)
{
    const struct hosts_file *f = arg;
    log_warning("%s: line %u: %s", f->path, line, text);
}

static bool read_named(void *arg, struct view path, struct arena *a, struct view *text,
                       struct error *e)
{
    struct str content = STR_INIT(FILE_MAX);
    (void)arg;
    bool good = lines_read_file(arena_cstr(a, path), &content, e);
    *text = arena_dup(a, str_view(&content));
    str_done(&content);
    return good;
}

static void look(const char *path, struct stat *now)
{
    if (stat(path, now) != 0)
        *now = (struct stat){.st_ino = 0};
}

static void load(struct hosts_file *f)
{
    const struct hosts_reader how = {.fault = log_fault, .read = read_named, .arg = f};
    struct str text = STR_INIT(FILE_MAX);
    struct error e = ERROR_INIT;
    look(f->path, &f->seen);
    f->is_unreadable = f->seen.st_ino != 0 && !lines_read_file(f->path, &text, &e);
    if (f->is_unreadable)
        log_warning("%s", error_cstr(&e));
    hosts_rules_free(f->rules);
    f->rules = hosts_rules_parse(str_view(&text), f->denies, &how);
    str_done(&text);
}

static bool is_changed(const struct hosts_file *f)
{
    struct stat now;
    look(f->path, &now);
    return now.st_ino != f->seen.st_ino || now.st_dev != f->seen.st_dev ||
           now.st_size != f->seen.st_size ||
           now.st_mtim.tv_sec != f->seen.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != f->seen.st_mtim.tv_nsec;
}

struct hosts_access *hosts_access_open(const struct conf *c)
{
    if (!conf_bool(c, P_hosts_access_enable))
        return NULL;
    struct hosts_access *h = NEW(struct hosts_access);
    h->files[0].path = conf_cstr(c, P_hosts_allow_file);
    h->files[1].path = conf_cstr(c, P_hosts_deny_file);
    h->files[1].denies = true;
    for (int i = 0; i < 2; i++)
        load(&h->files[i]);
    h->next_look = clock_in(CLOCK_SECOND);
    return h;
}

void hosts_access_close(struct hosts_access *h)
{
    for (int i = 0; h && i < 2; i++)
        hosts_rules_free(h->files[i].rules);
    memory_free(h);
}

static void tell(const struct hosts_file *f, const struct hosts_client *client,
                 const struct hosts_rule *rule)
{
    struct str asked = STR_INIT(2048);
    if (!trail_is_set())
        return;
    for (size_t i = 0; i < client->n_services; i++)
        str_addf(&asked, "%s%.*s", i ? "," : "", VIEW_FMT(client->services[i]));
    str_addf(&asked, ": %.*s[%.*s]", VIEW_FMT(client->name), VIEW_FMT(client->address));
    trail_tell(&(struct trail_step){.kind = TRAIL_LIST,
                                    .where = view_of(f->path),
                                    .asked = str_view(&asked),
                                    .answer = rule ? rule->text : VIEW_NONE,
                                    .line = rule ? rule->line : 0});
    str_done(&asked);
}

enum hosts_verdict hosts_access_ask(struct hosts_access *h,
                                    const struct hosts_client *client)
{
    if (!h)
        return HOSTS_LET_IN;
    bool may_look = clock_mono() >= h->next_look;
    if (may_look)
        h->next_look = clock_in(CLOCK_SECOND);
    for (int i = 0; i < 2; i++) {
        struct hosts_file *f = &h->files[i];
        if (may_look && is_changed(f))
            load(f);
        if (f->is_unreadable)
            return HOSTS_UNSURE;
        const struct hosts_rule *rule = hosts_rules_find(f->rules, client);
        tell(f, client, rule);
        if (rule)
            return rule->denies ? HOSTS_KEPT_OUT : HOSTS_LET_IN;
    }
    return HOSTS_LET_IN;
}

bool hosts_access_refuses(struct hosts_access *h, const struct access_subject *s,
                          const struct view *names, size_t n_names, struct arena *a,
                          struct access_outcome *out)
{
    const struct hosts_client client = {.services = names,
                                        .n_services = n_names,
                                        .name = s->client_name,
                                        .is_paranoid =
                                            s->name_status == ACCESS_NAME_PERMFAIL &&
                                            s->reverse_name_status == ACCESS_NAME_OK,
                                        .address = s->client_address,
                                        .server_address = s->server_address};
    enum hosts_verdict v = hosts_access_ask(h, &client);
    *out = (struct access_outcome){.refused = v != HOSTS_LET_IN};
    if (h && trail_is_set())
        trail_tell(&(struct trail_step){
            .kind = TRAIL_RESTRICTION,
            .where = VIEW("hosts_access_enable"),
            .asked = n_names > 0 ? names[0] : VIEW_NONE,
            .answer = out->refused ? VIEW("reject") : VIEW("dunno"),
            .reply = out->refused ? VIEW("Access denied") : VIEW_NONE});
    if (!out->refused)
        return false;
    out->code = v == HOSTS_UNSURE ? 421 : 554;
    (void)snprintf(out->status, sizeof out->status, "%s",
                   v == HOSTS_UNSURE ? "4.3.0" : "5.7.1");
    out->reply =
        arena_printf(a, "%d %s <%.*s>: Client host rejected: %s", out->code, out->status,
                     VIEW_FMT(s->client_display),
                     v == HOSTS_UNSURE ? "Server configuration error" : "Access denied");
    access_log_event(s, "reject", out->reply);
    return true;
}
