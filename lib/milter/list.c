/* list - the milters that the configuration names
 *
 * "inet:host:port, { unix:path, default_action=accept, connect_timeout=10s }".  Source:
 * postconf(5) smtpd_milters, milter_protocol.
 */
#include "milter/milter_private.h"

#include "base/memory.h"
#include "base/number.h"

#define VERSION_MAX 6

static const uint32_t actions_2 = SMFIF_ADDHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT |
                                  SMFIF_DELRCPT | SMFIF_CHGHDRS | SMFIF_QUARANTINE;
static const uint32_t actions_6 = SMFIF_CHGFROM | SMFIF_ADDRCPT_PAR | SMFIF_SETSYMLIST;
static const uint32_t steps_2 = SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL |
                                SMFIP_NORCPT | SMFIP_NOBODY | SMFIP_NOHDRS | SMFIP_NOEOH;
static const uint32_t steps_6 = SMFIP_NR_HDR | SMFIP_SKIP | SMFIP_RCPT_REJ |
                                SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL |
                                SMFIP_NR_RCPT | SMFIP_NR_DATA | SMFIP_NR_UNKN |
                                SMFIP_NR_EOH | SMFIP_NR_BODY | SMFIP_HDR_LEADSPC;

/* "6", or "2" with words behind it ("no_header_reply"), as milter_protocol has it. */
static bool set_protocol(struct milter *m, struct view text, struct error *e)
{
    struct view rest = text, word;
    uint64_t version = 0;
    m->steps = 0;
    while (conf_list_next(&rest, &word)) {
        if (view_eq_case(word, VIEW("no_header_reply")))
            m->steps |= SMFIP_NR_HDR;
        else if (version > 0 || !number_parse_u64(word, 2, VERSION_MAX, &version) ||
                 version == 5)
            version = UINT64_MAX;
    }
    if (version < 2 || version > VERSION_MAX) {
        error_set(e, "4.3.5", "milter %s: bad protocol information: %.*s", m->name,
                  VIEW_FMT(text));
        return false;
    }
    m->version = (uint32_t)version;
    m->actions = actions_2 | (version >= 6 ? actions_6 : 0);
    m->steps |= steps_2 | (version >= 3 ? SMFIP_NOUNKNOWN : 0) |
                (version >= 4 ? SMFIP_NODATA : 0) | (version >= 6 ? steps_6 : 0);
    return true;
}

static bool set_failure(struct milter *m, struct view text, struct error *e)
{
    static const char *const names[] = {"accept", "reject", "tempfail", "quarantine",
                                        "shutdown"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (view_eq_case(text, view_of(names[i]))) {
            m->failure = (enum milter_failure)i;
            return true;
        }
    }
    error_set(e, "4.3.5", "milter %s: unrecognized default action: %.*s", m->name,
              VIEW_FMT(text));
    return false;
}

/* One "name = value" inside { }. */
static bool set_one(struct milter *m, struct view name, struct view value,
                    struct error *e)
{
    const struct {
        const char *name;
        int64_t *to;
    } times[] = {{"connect_timeout", &m->connect_timeout},
                 {"command_timeout", &m->command_timeout},
                 {"content_timeout", &m->content_timeout}};
    if (view_eq_case(name, VIEW("default_action")))
        return set_failure(m, value, e);
    if (view_eq_case(name, VIEW("protocol")))
        return set_protocol(m, value, e);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (!view_eq_case(name, view_of(times[i].name)))
            continue;
        if (number_parse_time(value, 's', times[i].to) && *times[i].to > 0)
            return true;
        error_set(e, "4.3.5", "milter %s: bad time \"%.*s\"", m->name, VIEW_FMT(value));
        return false;
    }
    error_set(e, "4.3.5", "milter %s: unknown setting \"%.*s\"", m->name, VIEW_FMT(name));
    return false;
}

static bool set_defaults(const struct conf *c, struct milter *m, struct error *e)
{
    m->connect_timeout = conf_time(c, P_milter_connect_timeout);
    m->command_timeout = conf_time(c, P_milter_command_timeout);
    m->content_timeout = conf_time(c, P_milter_content_timeout);
    return set_failure(m, conf_view(c, P_milter_default_action), e) &&
           set_protocol(m, conf_view(c, P_milter_protocol), e);
}

/* What { } say behind the end point. */
static bool set_own(struct milter *m, struct view settings, struct error *e)
{
    struct view setting, name, value;
    while (conf_token(&settings, VIEW(", \t\r\n"), &setting)) {
        if (setting.n > 1 && setting.p[0] == '{') /* { name = words with blanks } */
            setting = view_trim_space(view_sub(setting, 1, setting.n - 2));
        if (!view_cut(setting, '=', &name, &value)) {
            error_set(e, "4.3.5", "milter %s: missing '=' in \"%.*s\"", m->name,
                      VIEW_FMT(setting));
            return false;
        }
        if (!set_one(m, view_trim_space(name), view_trim_space(value), e))
            return false;
    }
    return true;
}

static struct milter *parse(const struct milter_list *l, struct view text,
                            struct error *e)
{
    struct milter *m = ARENA_NEW(l->arena, struct milter);
    struct view endpoint = text, settings = VIEW_NONE;
    if (text.n > 1 && text.p[0] == '{' && text.p[text.n - 1] == '}') {
        settings = view_sub(text, 1, text.n - 2);
        if (!conf_list_next(&settings, &endpoint)) {
            error_set(e, "4.3.5", "empty milter definition: \"%.*s\"", VIEW_FMT(text));
            return NULL;
        }
    }
    m->name = arena_cstr(l->arena, endpoint);
    if (!view_starts(endpoint, VIEW("inet:")) && !view_starts(endpoint, VIEW("unix:")) &&
        !view_starts(endpoint, VIEW("local:"))) {
        error_set(e, "4.3.5", "Milter service needs transport:endpoint instead of \"%s\"",
                  m->name);
        return NULL;
    }
    return set_defaults(l->conf, m, e) && set_own(m, settings, e) ? m : NULL;
}

struct milter_list *milter_list_new(const struct conf *c, struct view text,
                                    struct error *e)
{
    struct milter_list *l = NEW(struct milter_list);
    struct view one;
    l->conf = c;
    l->arena = arena_new();
    struct milter **end = &l->first;
    while (conf_list_next(&text, &one)) {
        *end = parse(l, one, e);
        if (!*end) {
            milter_list_free(l);
            return NULL;
        }
        end = &(*end)->next;
    }
    return l;
}

void milter_list_free(struct milter_list *l)
{
    if (!l)
        return;
    arena_free(l->arena);
    memory_free(l);
}

bool milter_list_is_empty(const struct milter_list *l)
{
    return !l || !l->first;
}
