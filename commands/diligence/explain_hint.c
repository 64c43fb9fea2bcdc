/* explain_hint - what would change the outcome, and where that is written
 */
#include "explain.h"

#include "conf/conf_check.h"
#include "conf/lines.h"
#include "conf/parameter.h"

#define TABLE_MAX ((size_t)64 << 20)

/* --- where it is written --- */

unsigned parameter_line(const struct conf *c, struct view parameter)
{
    unsigned line = 0;
    for (size_t i = 0; i < conf_entry_count(c); i++)
        if (view_eq(conf_entry(c, i)->name, parameter))
            line = conf_entry(c, i)->line;
    return line;
}

unsigned table_line(const struct conf *c, struct view table, struct view key)
{
    static const char *const texts[] = {"hash", "btree", "lmdb",
                                        "cdb",  "dbm",   "texthash"};
    struct view type, name, word;
    struct str text = STR_INIT(TABLE_MAX), path = STR_INIT(4096);
    struct lines lines;
    struct line line;
    struct error e = ERROR_INIT;
    unsigned found = 0;
    bool is_text = false;
    if (view_starts(table, VIEW("proxy:")))
        table = view_from(table, strlen("proxy:"));
    bool has_type = view_cut(table, ':', &type, &name);
    for (size_t i = 0; has_type && i < sizeof texts / sizeof texts[0]; i++)
        is_text = is_text || view_eq(type, view_of(texts[i]));
    if (!view_starts(name, VIEW("/")))
        str_addf(&path, "%s/", conf_directory(c));
    str_add(&path, name);
    if (is_text && lines_read_file(str_cstr(&path), &text, &e)) {
        lines_init(&lines, str_view(&text));
        while (!found && lines_next(&lines, &line)) {
            struct view rest = line.text;
            if (view_token(&rest, VIEW(" \t"), &word) && view_eq_case(word, key))
                found = line.first;
        }
        lines_done(&lines);
    }
    str_done(&text);
    str_done(&path);
    return found;
}

/* --- hints --- */

/* "parameter (main.cf:12)". */
static void add_place(const struct explanation *x, struct view parameter, struct str *out)
{
    unsigned line = parameter_line(x->conf, parameter);
    str_add(out, parameter);
    if (line)
        str_addf(out, " (main.cf:%u)", line);
    else
        str_add_cstr(out, " (as by default)");
}

static void hint_relay(const struct explanation *x, struct str *out)
{
    static const char *const lists[] = {"mydestination", "relay_domains",
                                        "virtual_alias_domains",
                                        "virtual_mailbox_domains"};
    struct view local, domain = x->subject.recipient;
    (void)view_rcut(x->subject.recipient, '@', &local, &domain);
    str_addf(out, "client %.*s is not in ", VIEW_FMT(x->subject.client_address));
    add_place(x, VIEW("mynetworks"), out);
    str_addf(out, "%s, and %.*s is in none of ",
             x->subject.sasl_username.n ? "" : " and has not logged in",
             VIEW_FMT(domain));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        str_add_cstr(out, i ? ", " : "");
        add_place(x, view_of(lists[i]), out);
    }
}

static const struct {
    const char *restriction, *text;
} hints[] = {
    {"reject_unknown_sender_domain", "the domain of the sender has neither MX nor "
                                     "address records in DNS; another sender, "
                                     "or those records, would pass"},
    {"reject_unknown_recipient_domain",
     "the domain of the recipient has neither MX nor address records in DNS"},
    {"reject_unknown_client_hostname",
     "the client's address needs a name in DNS that leads back to it"},
    {"reject_unknown_reverse_client_hostname",
     "the client's address needs a name in DNS (PTR)"},
    {"reject_unlisted_recipient",
     "the recipient is in no table of known addresses of its domain"},
    {"reject_unlisted_sender",
     "the sender's domain is ours, and the sender is in no table of known addresses"},
    {"reject_non_fqdn_sender", "a sender with a full domain would pass"},
    {"reject_non_fqdn_recipient", "a recipient with a full domain would pass"},
    {"reject_non_fqdn_helo_hostname", "a HELO name with a full domain would pass"},
    {"reject_invalid_helo_hostname", "a HELO name of valid form would pass"},
    {"reject_rbl_client", "the client is on that DNS list"},
    {"check_policy_service", "the policy server decides; see its answer above"},
};

static void hint_entry(const struct explanation *x, struct str *out)
{
    str_addf(out, "the entry \"%.*s\" of %.*s", VIEW_FMT(x->decided_key),
             VIEW_FMT(x->decided_table));
    if (x->decided_line)
        str_addf(out, ":%u", x->decided_line);
    str_add_cstr(out, " decided; without it the next restriction would be asked");
}

static void hint_milter(const struct explanation *x, struct str *out)
{
    str_addf(out, "the milter %.*s of ", VIEW_FMT(x->decided_by));
    add_place(x, x->decided_list, out);
    str_add_cstr(out, " decided; its answer is above");
}

void hint(const struct explanation *x, struct str *out)
{
    if (!x->is_refused)
        return;
    if (x->decided_kind == TRAIL_MILTER) {
        hint_milter(x, out);
        return;
    }
    if (view_find_view(x->reply, VIEW("Relay access denied")) != VIEW_NPOS) {
        hint_relay(x, out);
        return;
    }
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (view_starts(x->decided_by, view_of(hints[i].restriction))) {
            str_add_cstr(out, hints[i].text);
            return;
        }
    }
    if (view_eq(x->decided_list, VIEW("hosts_access_enable"))) {
        str_addf(out, "the rule \"%.*s\" of %.*s:%u decided; a rule for the client in ",
                 VIEW_FMT(x->decided_key), VIEW_FMT(x->decided_table), x->decided_line);
        add_place(x, VIEW("hosts_allow_file"), out);
        str_add_cstr(out, " would let it in");
    } else if (view_starts(x->decided_by, VIEW("check_")) && x->decided_table.n) {
        hint_entry(x, out);
    } else if (view_find_view(x->decided_by, VIEW("sender_login_mismatch")) !=
               VIEW_NPOS) {
        str_add_cstr(out, "a login that ");
        add_place(x, VIEW("smtpd_sender_login_maps"), out);
        str_add_cstr(out, " gives for this sender (--user) would pass");
    } else if (x->decided_by.n) {
        str_addf(out, "%.*s in ", VIEW_FMT(x->decided_by));
        add_place(x, x->decided_list, out);
        str_add_cstr(out, " decided; what stands before it there could permit");
    } else {
        str_add_cstr(out, "the content decided; see the checks above");
    }
}
