/* restriction_words - a restriction list as words, without opening its tables */
#include "check/restriction_words.h"

static const char *const with_argument[] = {"check_policy_service",
                                            "reject_rbl_client",
                                            "reject_rhsbl_client",
                                            "reject_rhsbl_helo",
                                            "reject_rhsbl_recipient",
                                            "reject_rhsbl_sender",
                                            "sleep",
                                            "reject_rhsbl_reverse_client",
                                            "permit_dnswl_client",
                                            "permit_rhswl_client"};

/* Words of Postfix that take no argument and are not among the first ones to build. */
static const char *const others[] = {"reject_unverified_sender",
                                     "reject_unverified_recipient",
                                     "reject_sender_login_mismatch",
                                     "reject_authenticated_sender_login_mismatch",
                                     "reject_known_sender_login_mismatch",
                                     "reject_unauthenticated_sender_login_mismatch",
                                     "reject_plaintext_session",
                                     "permit_tls_clientcerts",
                                     "permit_tls_all_clientcerts",
                                     "permit_naked_ip_address",
                                     "reject_maps_rbl"};

static bool is_among(struct view name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (view_eq_case(name, view_of(list[i])))
            return true;
    return false;
}

static bool takes_argument(struct view name)
{
    if (view_starts_case(name, VIEW("check_")) && view_ends_case(name, VIEW("_access")))
        return true;
    return is_among(name, with_argument, sizeof with_argument / sizeof with_argument[0]);
}

bool restriction_is_postfix(struct view name)
{
    return takes_argument(name) ||
           is_among(name, others, sizeof others / sizeof others[0]);
}

bool restriction_is_class(const struct conf *c, struct view name)
{
    struct view rest = conf_view(c, P_smtpd_restriction_classes), word;

    while (conf_list_next(&rest, &word))
        if (view_eq(word, name))
            return true;
    return false;
}

/* "{ check_client_access hash:x }" is the same as the words without the braces. */
static struct view without_braces(struct view v)
{
    if (v.n >= 2 && v.p[0] == '{' && v.p[v.n - 1] == '}')
        return view_trim_space(view_sub(v, 1, v.n - 2));
    return v;
}

static size_t count_words(struct view text)
{
    struct view word;
    size_t n = 0;

    while (conf_list_next(&text, &word))
        n++;
    return n;
}

void restriction_words_read(struct view text, struct arena *a,
                            struct restriction_words *out)
{
    struct view word;
    bool warns = false;

    *out = (struct restriction_words){.n = 0};
    out->items = arena_alloc_array(a, count_words(text) + 1, sizeof *out->items);
    while (conf_list_next(&text, &word)) {
        struct view inner = without_braces(word), name = word, argument = VIEW_NONE;
        if (inner.n != word.n && conf_list_next(&inner, &name))
            argument = view_trim_space(inner);
        if (view_eq_case(name, VIEW("warn_if_reject"))) {
            warns = true;
            continue;
        }
        if (argument.n == 0 && takes_argument(name))
            (void)conf_list_next(&text, &argument);
        out->items[out->n++] = (struct restriction_word){name, argument, warns};
        warns = false;
    }
}
