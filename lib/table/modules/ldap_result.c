/* ldap_result - from entries to a list of values
 *
 * An entry with a terminal attribute gives that alone.  One that refers to others (DN or
 * LDAP address in a special attribute) gives its result attributes and those of the
 * others, but not its leaf attributes.  ldap_table(5).
 */
#include "table/modules/ldap_table.h"

#include "base/memory.h"

/* Does ENTRY have a value in an attribute of KIND? */
static bool has_kind(struct session *s, LDAPMessage *entry, enum attribute_kind kind)
{
    bool found = false;

    for (size_t i = 0; i < s->attributes.n && !found; i++) {
        if (s->attributes.kinds[i] != kind)
            continue;
        struct berval **values =
            ldap_get_values_len(s->ld, entry, s->attributes.names[i]);
        found = values && values[0];
        ldap_value_free_len(values);
    }
    return found;
}

/* Recursion that went wrong.  What is not there (any more) is left out. */
static bool check_code(struct session *s, int code, const char *where, struct error *e)
{
    if (code == LDAP_SUCCESS)
        return true;
    if (code == LDAP_NO_SUCH_OBJECT) {
        s->source->warn(s->source, "no such entry: \"%.200s\"", where);
        return true;
    }
    error_set(e, "4.3.0", "search for \"%.200s\": %s", where, ldap_err2string(code));
    return false;
}

/* The entry with name DN. */
static bool follow_name(struct session *s, const char *dn, unsigned depth,
                        struct expand_list *list, struct error *e)
{
    LDAPMessage *result = NULL;
    int code = directory_ask(s, dn, LDAP_SCOPE_BASE, "(objectclass=*)",
                             s->attributes.names, &result);
    bool ok = check_code(s, code, dn, e) &&
              (code != LDAP_SUCCESS || directory_collect(s, result, depth + 1, list, e));

    ldap_msgfree(result);
    return ok;
}

/* Those of WANTED (NULL: all) that are ours; the caller frees the list, not its texts. */
static char **common_attributes(const struct session *s, char **wanted)
{
    const struct attributes *ours = &s->attributes;
    char **names = memory_alloc_array(ours->n + 1, sizeof *names);
    size_t n = 0;

    for (size_t i = 0; i < ours->n; i++) {
        bool is_wanted = wanted == NULL || wanted[0] == NULL;
        for (char **w = wanted; w && *w && !is_wanted; w++)
            is_wanted = view_eq_case(view_of(*w), view_of(ours->names[i]));
        if (is_wanted)
            names[n++] = ours->names[i];
    }
    return names;
}

/* The entries that the address URL finds. */
static bool follow_url(struct session *s, const char *url, unsigned depth,
                       struct expand_list *list, struct error *e)
{
    LDAPURLDesc *parts = NULL;
    LDAPMessage *result = NULL;

    if (ldap_url_parse(url, &parts) != 0) {
        s->source->warn(s->source, "malformed address \"%.200s\"", url);
        return true;
    }
    char **names = common_attributes(s, parts->lud_attrs);
    bool ok = true;
    if (names[0]) {
        int code = directory_ask(
            s, parts->lud_dn ? parts->lud_dn : "", parts->lud_scope,
            parts->lud_filter ? parts->lud_filter : "(objectclass=*)", names, &result);
        ok = check_code(s, code, url, e) &&
             (code != LDAP_SUCCESS || directory_collect(s, result, depth + 1, list, e));
    }
    ldap_msgfree(result);
    memory_free(names);
    ldap_free_urldesc(parts);
    return ok;
}

static bool follow(struct session *s, struct berval *value, unsigned depth,
                   struct expand_list *list, struct error *e)
{
    char *text;
    bool ok;

    if ((int64_t)depth >= s->recursion_limit) {
        error_set(e, "4.3.0", "recursion limit exceeded (recursion_limit)");
        return false;
    }
    text = memory_alloc(value->bv_len + 1);
    memcpy(text, value->bv_val, value->bv_len);
    ok = ldap_is_ldap_url(text) ? follow_url(s, text, depth, list, e)
                                : follow_name(s, text, depth, list, e);
    memory_free(text);
    return ok;
}

/* The values of attribute NAME of ENTRY, which is of KIND. */
static bool take_values(struct session *s, LDAPMessage *entry, const char *name,
                        enum attribute_kind kind, unsigned depth,
                        struct expand_list *list, struct error *e)
{
    struct berval **values = ldap_get_values_len(s->ld, entry, name);
    bool ok = true;

    for (struct berval **v = values; v && *v && ok; v++) {
        if (kind == ATTRIBUTE_SPECIAL)
            ok = follow(s, *v, depth, list, e);
        else
            ok = expand_list_add(list, (struct view){(*v)->bv_val, (*v)->bv_len}, e);
    }
    ldap_value_free_len(values);
    return ok;
}

/* Is an attribute of KIND taken from an entry that is terminal or refers to others? */
static bool is_taken(enum attribute_kind kind, bool is_terminal, bool refers)
{
    switch (kind) {
    case ATTRIBUTE_TERMINAL:
        return is_terminal;
    case ATTRIBUTE_LEAF:
        return !is_terminal && !refers;
    case ATTRIBUTE_RESULT:
    case ATTRIBUTE_SPECIAL:
        break;
    }
    return !is_terminal;
}

static bool take_entry(struct session *s, LDAPMessage *entry, unsigned depth,
                       struct expand_list *list, struct error *e)
{
    const struct attributes *a = &s->attributes;
    bool is_terminal = a->has_terminal && has_kind(s, entry, ATTRIBUTE_TERMINAL);
    bool refers = a->has_special && a->has_leaf && has_kind(s, entry, ATTRIBUTE_SPECIAL);
    bool ok = true;

    for (size_t i = 0; i < a->n && ok; i++)
        if (is_taken(a->kinds[i], is_terminal, refers))
            ok = take_values(s, entry, a->names[i], a->kinds[i], depth, list, e);
    return ok;
}

bool directory_collect(struct session *s, LDAPMessage *result, unsigned depth,
                       struct expand_list *list, struct error *e)
{
    for (LDAPMessage *entry = ldap_first_entry(s->ld, result); entry;
         entry = ldap_next_entry(s->ld, entry))
        if (!take_entry(s, entry, depth, list, e))
            return false;
    return true;
}
