/* access - compile the eight stages, and evaluate them as the SMTP server asks
 *
 * The order at RCPT is Postfix's: client, helo and sender stages when they were
 * delayed, then relay and recipient, then the list of known recipients.
 */
#include "access/internal.h"

#include "base/log.h"
#include "base/memory.h"

static const enum parameter stage_parameters[ACCESS_STAGES] = {
    [ACCESS_CLIENT] = P_smtpd_client_restrictions,
    [ACCESS_HELO] = P_smtpd_helo_restrictions,
    [ACCESS_SENDER] = P_smtpd_sender_restrictions,
    [ACCESS_RELAY] = P_smtpd_relay_restrictions,
    [ACCESS_RECIPIENT] = P_smtpd_recipient_restrictions,
    [ACCESS_DATA] = P_smtpd_data_restrictions,
    [ACCESS_END_OF_DATA] = P_smtpd_end_of_data_restrictions,
    [ACCESS_ETRN] = P_smtpd_etrn_restrictions,
};
static const char *const stage_names[ACCESS_STAGES] = {
    [ACCESS_CLIENT] = "smtpd_client_restrictions",
    [ACCESS_HELO] = "smtpd_helo_restrictions",
    [ACCESS_SENDER] = "smtpd_sender_restrictions",
    [ACCESS_RELAY] = "smtpd_relay_restrictions",
    [ACCESS_RECIPIENT] = "smtpd_recipient_restrictions",
    [ACCESS_DATA] = "smtpd_data_restrictions",
    [ACCESS_END_OF_DATA] = "smtpd_end_of_data_restrictions",
    [ACCESS_ETRN] = "smtpd_etrn_restrictions",
};

/* Does a list hold something that stops relaying for strangers? */
static bool controls_relay(const struct restriction_list *l)
{
    static const char *const controls[] = {
        "reject_unauth_destination", "defer_unauth_destination", "reject", "defer",
        "defer_if_permit",           "check_relay_domains"};
    for (size_t i = 0; i < l->n; i++) {
        if (l->items[i].sublist && controls_relay(l->items[i].sublist))
            return true;
        for (size_t k = 0; l->items[i].type && k < sizeof controls / sizeof controls[0];
             k++) {
            if (strcmp(l->items[i].type->name, controls[k]) == 0)
                return true;
        }
    }
    return false;
}

/* "smtpd_access_maps" in parent_domain_matches_subdomains. */
static bool parents_match(const struct conf *c)
{
    struct view rest = conf_view(c, P_parent_domain_matches_subdomains), word;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq(word, VIEW("smtpd_access_maps")))
            return true;
    }
    return false;
}

struct view access_relay_list(const struct conf *c)
{
    struct view relay = conf_view(c, P_smtpd_relay_restrictions);
    bool is_older = relay.n == 0 && !conf_is_set(c, P_smtpd_relay_restrictions) &&
                    !conf_is_set(c, P_smtpd_recipient_restrictions);

    return is_older ? VIEW("permit_mynetworks, reject_unauth_destination") : relay;
}

struct access *access_new(const struct conf *c, struct rewrite *r,
                          struct recipients *recipients, struct error *e)
{
    struct access *a = NEW(struct access);
    a->conf = c;
    a->rewrite = r;
    a->recipients = recipients;
    a->arena = arena_new();
    a->mynetworks = match_open(c, P_mynetworks, 0);
    a->mx_backup_networks = match_open(c, P_permit_mx_backup_networks, 0);
    a->logged_permits = match_open(c, P_smtpd_log_access_permit_actions, 0);
    a->rbl_replies = maps_open(c, conf_view(c, P_rbl_reply_maps), TABLE_FOLD);
    a->sender_logins = maps_open(c, conf_view(c, P_smtpd_sender_login_maps), TABLE_FOLD);
    a->client_certs = maps_open(c, conf_view(c, P_relay_clientcerts), TABLE_FOLD);
    a->policies = policy_set_new();
    a->parents_match_subdomains = parents_match(c);
    for (int i = 0; i < ACCESS_STAGES; i++) {
        struct view text =
            i == ACCESS_RELAY ? access_relay_list(c) : conf_view(c, stage_parameters[i]);
        if (!restriction_list_compile(a, view_of(stage_names[i]), text, 0, &a->stages[i],
                                      e)) {
            access_free(a);
            return NULL;
        }
    }
    if (!controls_relay(&a->stages[ACCESS_RELAY]) &&
        !controls_relay(&a->stages[ACCESS_RECIPIENT])) {
        error_set(
            e, "4.3.5",
            "in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, "
            "specify at least one working instance of: reject_unauth_destination, "
            "defer_unauth_destination, reject, defer, defer_if_permit or "
            "check_relay_domains");
        access_free(a);
        return NULL;
    }
    return a;
}

void access_free(struct access *a)
{
    if (!a)
        return;
    for (int i = 0; i < ACCESS_STAGES; i++)
        restriction_list_done(&a->stages[i]);
    match_close(a->mynetworks);
    policy_set_free(a->policies);
    match_close(a->mx_backup_networks);
    match_close(a->logged_permits);
    maps_close(a->rbl_replies);
    maps_close(a->sender_logins);
    maps_close(a->client_certs);
    arena_free(a->arena);
    memory_free(a);
}

/* Report an earlier soft failure now that the request would be permitted. */
static enum access_says force_deferral(struct access_run *run, enum access_says says)
{
    if (says == SAYS_REFUSE || !run->memory->defer_if_permit)
        return says;
    struct access_effect *effects = run->outcome->effects;
    *run->outcome = run->memory->permit_outcome;
    run->outcome->effects = effects;
    access_log(run, "reject", run->outcome->reply);
    access_tell(run, VIEW("deferred until all else permits"), VIEW("defer_if_permit"),
                VIEW_NONE, SAYS_REFUSE);
    return SAYS_REFUSE;
}

static enum access_says run_stage(struct access_run *run, enum access_stage stage)
{
    run->stage = run->about = stage;
    run->warn_depth = 0;
    run->memory->defer_if_reject = false; /* counts within its list only */
    return access_run_list(run, &run->access->stages[stage]);
}

void access_evaluate(struct access *a, enum access_stage stage,
                     const struct access_subject *subject, struct access_memory *memory,
                     struct arena *arena, struct access_outcome *out)
{
    struct access_memory own = {0};
    *out = (struct access_outcome){0};
    struct access_run run = {.access = a,
                             .subject = subject,
                             .arena = arena,
                             .memory = memory ? memory : &own,
                             .outcome = out};
    (void)force_deferral(&run, run_stage(&run, stage));
}

/* smtpd_reject_unlisted_sender, in the stage of the sender. */
static enum access_says check_listed_sender(struct access_run *run)
{
    run->stage = run->about = ACCESS_SENDER;
    run->warn_depth = 0;
    if (!conf_bool(run->access->conf, P_smtpd_reject_unlisted_sender))
        return SAYS_DUNNO;
    enum access_says says = ask_reject_unlisted_sender(run, NULL);
    access_tell(run, VIEW("smtpd_reject_unlisted_sender"), VIEW("reject_unlisted_sender"),
                VIEW_NONE, says);
    return says;
}

/* Is a recipient refused that nobody lists?  Not behind a filter that has asked already.
 */
static bool wants_listed_recipient(const struct conf *c)
{
    struct view rest = conf_view(c, P_receive_override_options), word;
    while (view_token(&rest, VIEW(", \t\r\n"), &word)) {
        if (view_eq(word, VIEW("no_unknown_recipient_checks")))
            return false;
    }
    return conf_bool(c, P_smtpd_reject_unlisted_recipient);
}

void access_evaluate_sender(struct access *a, const struct access_subject *subject,
                            struct arena *arena, struct access_outcome *out)
{
    struct access_memory memory = {0};
    *out = (struct access_outcome){0};
    struct access_run run = {.access = a,
                             .subject = subject,
                             .arena = arena,
                             .memory = &memory,
                             .outcome = out};
    if (conf_bool(a->conf, P_smtpd_delay_reject))
        return; /* all of it at RCPT */
    enum access_says says = run_stage(&run, ACCESS_SENDER);
    if (says != SAYS_REFUSE)
        says = check_listed_sender(&run);
    (void)force_deferral(&run, says);
}

void access_evaluate_recipient(struct access *a, const struct access_subject *subject,
                               struct arena *arena, struct access_outcome *out)
{
    struct access_memory memory = {0};
    *out = (struct access_outcome){0};
    struct access_run run = {.access = a,
                             .subject = subject,
                             .arena = arena,
                             .memory = &memory,
                             .outcome = out};

    static const enum access_stage delayed[] = {ACCESS_CLIENT, ACCESS_HELO,
                                                ACCESS_SENDER};
    for (size_t i = 0; i < 3 && conf_bool(a->conf, P_smtpd_delay_reject); i++) {
        if (run_stage(&run, delayed[i]) == SAYS_REFUSE ||
            (delayed[i] == ACCESS_SENDER && check_listed_sender(&run) == SAYS_REFUSE))
            return;
    }
    bool relay_first = conf_bool(a->conf, P_smtpd_relay_before_recipient_restrictions);
    enum access_stage order[] = {relay_first ? ACCESS_RELAY : ACCESS_RECIPIENT,
                                 relay_first ? ACCESS_RECIPIENT : ACCESS_RELAY};
    for (size_t i = 0; i < 2; i++) {
        if (run_stage(&run, order[i]) == SAYS_REFUSE)
            return;
    }
    run.stage = run.about = ACCESS_RECIPIENT;
    run.warn_depth = 0;
    if (force_deferral(&run, SAYS_DUNNO) == SAYS_REFUSE)
        return;
    if (wants_listed_recipient(a->conf))
        access_tell(&run, VIEW("smtpd_reject_unlisted_recipient"),
                    VIEW("reject_unlisted_recipient"), VIEW_NONE,
                    ask_reject_unlisted_recipient(&run, NULL));
}
