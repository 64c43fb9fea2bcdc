/* setup - the tables and settings of cleanup, opened once for a process
 *
 * Source: cleanup(8), postconf(5).
 */
#include "cleanup/cleanup_private.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"

struct word_bit {
    struct view word;
    unsigned bit;
};

/* The bits of the words in parameter P; NAME is for the error, which ends the program. */
static unsigned words(const struct conf *c, enum parameter p, const char *name,
                      const struct word_bit *known, size_t n)
{
    struct view word, rest = conf_view(c, p);
    unsigned bits = 0;
    while (conf_list_next(&rest, &word)) {
        size_t i = 0;
        while (i < n && !view_eq_case(word, known[i].word))
            i++;
        if (i == n)
            log_fatal("unknown %s value \"%.*s\" in \"%.*s\"", name, VIEW_FMT(word),
                      VIEW_FMT(conf_view(c, p)));
        bits |= known[i].bit;
    }
    return bits;
}

static unsigned places(const struct conf *c, enum parameter p, const char *name)
{
    static const struct word_bit known[] = {
        {{"envelope_sender", 15}, PLACE_ENVELOPE_SENDER},
        {{"envelope_recipient", 18}, PLACE_ENVELOPE_RECIPIENT},
        {{"header_sender", 13}, PLACE_HEADER_SENDER},
        {{"header_recipient", 16}, PLACE_HEADER_RECIPIENT},
    };
    return words(c, p, name, known, sizeof known / sizeof known[0]);
}

#define PROPAGATE_CANONICAL 1
#define PROPAGATE_VIRTUAL   2
#define PROPAGATE_ELSEWHERE 4

static unsigned propagation(const struct conf *c)
{
    static const struct word_bit known[] = {
        {{"canonical", 9}, PROPAGATE_CANONICAL}, {{"virtual", 7}, PROPAGATE_VIRTUAL},
        {{"alias", 5}, PROPAGATE_ELSEWHERE},     {{"forward", 7}, PROPAGATE_ELSEWHERE},
        {{"include", 7}, PROPAGATE_ELSEWHERE},   {{"generic", 7}, PROPAGATE_ELSEWHERE},
    };
    return words(c, P_propagate_unmatched_extensions, "propagate_unmatched_extensions",
                 known, sizeof known / sizeof known[0]);
}

static struct mapping mapping(const struct conf *c, enum parameter p, const char *title,
                              unsigned where, bool propagate)
{
    return (struct mapping){.maps = maps_open(c, conf_view(c, p), TABLE_FOLD),
                            .title = title,
                            .places = where,
                            .propagate = propagate};
}

static void open_mappings(struct cleanup_setup *s, const struct conf *c)
{
    unsigned propagates = propagation(c);
    bool canonical = propagates & PROPAGATE_CANONICAL;
    s->sender_canonical = mapping(
        c, P_sender_canonical_maps, "sender_canonical_maps",
        places(c, P_sender_canonical_classes, "sender_canonical_classes"), canonical);
    s->recipient_canonical =
        mapping(c, P_recipient_canonical_maps, "recipient_canonical_maps",
                places(c, P_recipient_canonical_classes, "recipient_canonical_classes"),
                canonical);
    s->canonical =
        mapping(c, P_canonical_maps, "canonical_maps",
                places(c, P_canonical_classes, "canonical_classes"), canonical);
    s->virtual_alias = mapping(c, P_virtual_alias_maps, "virtual_alias_maps",
                               PLACE_ENVELOPE_RECIPIENT, propagates & PROPAGATE_VIRTUAL);
    s->sender_bcc = mapping(c, P_sender_bcc_maps, "sender_bcc_maps", 0, false);
    s->recipient_bcc = mapping(c, P_recipient_bcc_maps, "recipient_bcc_maps", 0, false);
    s->masquerade_places = places(c, P_masquerade_classes, "masquerade_classes");
    s->masquerade_exceptions = match_open(c, P_masquerade_exceptions, TABLE_FOLD);
    s->masquerade_domains = conf_view(c, P_masquerade_domains);
}

static void open_checks(struct cleanup_setup *s, const struct conf *c)
{
    s->header_checks = maps_open(c, conf_view(c, P_header_checks), 0);
    s->mime_header_checks = maps_open(c, conf_view(c, P_mime_header_checks), 0);
    s->nested_header_checks = maps_open(c, conf_view(c, P_nested_header_checks), 0);
    s->body_checks = maps_open(c, conf_view(c, P_body_checks), 0);
    s->body_checks_limit = conf_int(c, P_body_checks_size_limit);
}

/* Take one byte, maybe written as an escape of C, from the front of *REST. */
static unsigned char take_byte(struct view *rest)
{
    static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
    char c = rest->p[0];
    *rest = view_from(*rest, 1);
    if (c != '\\' || view_is_empty(*rest))
        return (unsigned char)c;
    c = rest->p[0];
    const char *letter = strchr(letters, c);
    size_t digits = 0;
    uint64_t value = 0;
    while (digits < 3 && digits < rest->n && rest->p[digits] >= '0' &&
           rest->p[digits] <= '7')
        value = value * 8 + (uint64_t)(rest->p[digits++] - '0');
    *rest = view_from(*rest, digits ? digits : 1);
    if (digits)
        return (unsigned char)value;
    return c && letter ? (unsigned char)meanings[letter - letters] : (unsigned char)c;
}

/* message_reject_characters: a run of characters with the escapes of C. */
static void read_bytes(struct byte_set *set, struct view text)
{
    set->is_empty = view_is_empty(text);
    while (!view_is_empty(text))
        set->has[take_byte(&text)] = true;
}

static void read_limits(struct cleanup_setup *s, const struct conf *c)
{
    s->hopcount_limit = conf_int(c, P_hopcount_limit);
    s->size_limit = conf_int(c, P_message_size_limit);
    s->token_limit = conf_int(c, P_header_address_token_limit);
    s->duplicates_limit = conf_int(c, P_duplicate_filter_limit);
    s->recursion_limit = conf_int(c, P_virtual_alias_recursion_limit);
    s->expansion_limit = conf_int(c, P_virtual_alias_expansion_limit);
    s->address_length_limit = conf_int(c, P_virtual_alias_address_length_limit);
    s->limits = (struct mime_limits){
        .nesting = (size_t)conf_int(c, P_mime_nesting_limit),
        .boundary = (size_t)conf_int(c, P_mime_boundary_length_limit),
        .header = (size_t)conf_int(c, P_header_size_limit),
    };
}

static void read_settings(struct cleanup_setup *s, const struct conf *c)
{
    bool strict = conf_bool(c, P_strict_8bitmime);
    s->strict_header = strict || conf_bool(c, P_strict_7bit_headers);
    s->strict_body = strict || conf_bool(c, P_strict_8bitmime_body);
    s->strict_encoding = conf_bool(c, P_strict_mime_encoding_domain);
    s->detect_8bit = conf_bool(c, P_detect_8bit_encoding_header);
    s->downgrade = conf_bool(c, P_force_mime_input_conversion);
    s->name_charset = conf_view(c, P_full_name_encoding_charset);
    struct view action = conf_view(c, P_non_empty_end_of_header_action);
    s->header_end = view_eq(action, VIEW("reject"))       ? HEADER_END_REJECT
                    : view_eq(action, VIEW("add_header")) ? HEADER_END_TELL
                                                          : HEADER_END_FIX;
    s->disable_mime = conf_bool(c, P_disable_mime_input_processing);
    s->always_add_missing = conf_bool(c, P_always_add_missing_headers);
    s->replace_stray = conf_bool(c, P_cleanup_replace_stray_cr_lf);
    s->keep_original = conf_bool(c, P_enable_original_recipient);
    s->utf8 = conf_bool(c, P_smtputf8_enable);
    s->long_ids = conf_bool(c, P_enable_long_queue_ids);
    s->external_log =
        !view_eq_case(conf_view(c, P_info_log_address_format), VIEW("internal"));
    s->obsolete_from = view_eq_case(conf_view(c, P_header_from_format), VIEW("obsolete"));
    s->remote_rewrite = !view_is_empty(conf_view(c, P_remote_header_rewrite_domain));
    s->drop_headers = conf_view(c, P_message_drop_headers);
    s->undisclosed = conf_view(c, P_undisclosed_recipients_header);
    s->always_bcc = conf_view(c, P_always_bcc);
    s->myhostname = conf_view(c, P_myhostname);
    s->empty_recipient = conf_view(c, P_empty_address_recipient);
    read_bytes(&s->reject, conf_view(c, P_message_reject_characters));
    read_bytes(&s->strip, conf_view(c, P_message_strip_characters));
}

/* A service may have a syslog_name of its own ("postfix/submission"); what Postfix's
 * cleanup would say it says under the instance's. */
static void read_tag(struct cleanup_setup *s, const struct conf *c)
{
    struct view name, rest;
    view_cut(conf_view(c, P_syslog_name), '/', &name, &rest);
    snprintf(s->tag, sizeof s->tag, "%.*s/cleanup", VIEW_FMT(view_sub(name, 0, 100)));
}

static void open_milters(struct cleanup_setup *s, const struct conf *c)
{
    struct error e = ERROR_INIT;
    s->milter_header_checks = maps_open(c, conf_view(c, P_milter_header_checks), 0);
    s->milters = milter_list_new(c, conf_view(c, P_non_smtpd_milters), &e);
    s->milters_are_bad = !s->milters;
    if (s->milters_are_bad)
        log_warning_as(s->tag, "non_smtpd_milters: %s", e.text);
}

struct cleanup_setup *cleanup_setup_new(const struct conf *c, struct rewrite *r)
{
    struct cleanup_setup *s = NEW(struct cleanup_setup);
    s->conf = c;
    s->rewrite = r;
    open_mappings(s, c);
    open_checks(s, c);
    read_limits(s, c);
    read_settings(s, c);
    read_tag(s, c);
    open_milters(s, c);
    return s;
}

void cleanup_setup_free(struct cleanup_setup *s)
{
    if (!s)
        return;
    maps_close(s->sender_canonical.maps);
    maps_close(s->recipient_canonical.maps);
    maps_close(s->canonical.maps);
    maps_close(s->virtual_alias.maps);
    maps_close(s->sender_bcc.maps);
    maps_close(s->recipient_bcc.maps);
    maps_close(s->header_checks);
    maps_close(s->mime_header_checks);
    maps_close(s->nested_header_checks);
    maps_close(s->body_checks);
    maps_close(s->milter_header_checks);
    milter_list_free(s->milters);
    match_close(s->masquerade_exceptions);
    memory_free(s);
}

unsigned cleanup_auto_utf8(const struct conf *c, const char *class)
{
    struct view rest = conf_view(c, P_smtputf8_autodetect_classes), word;
    while (conf_list_next(&rest, &word)) {
        if (view_eq_case(word, view_of(class)) || view_eq_case(word, VIEW("all")))
            return CLEANUP_AUTO_UTF8;
    }
    return 0;
}
