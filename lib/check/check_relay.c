/* check_relay - may a stranger send mail through this host to a third place?
 *
 * The relay and recipient lists are read as for a client from nowhere who names a foreign
 * destination; networks that are trusted must be the site's own.
 */
#include "access/access.h"
#include "check/check_private.h"
#include "check/restriction_words.h"
#include "net/address.h"

enum { CLASSES_DEEP = 10 };

enum outcome {
    FALLS_THROUGH, /* the list says nothing */
    STOPPED,
    PERMITTED
};

static bool is_one_of(struct view name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (view_eq_case(name, view_of(names[i])))
            return true;
    return false;
}

static bool stops(struct view name)
{
    static const char *const names[] = {"reject",
                                        "defer",
                                        "defer_if_permit",
                                        "reject_unauth_destination",
                                        "defer_unauth_destination",
                                        "check_relay_domains"};

    return is_one_of(name, names, sizeof names / sizeof names[0]);
}

/* "static:OK" and the like. */
static bool always_permits(struct view table)
{
    static const char *const names[] = {"static:OK", "static:RELAY", "static:permit"};

    return is_one_of(table, names, sizeof names / sizeof names[0]);
}

/* The element of mynetworks that trusts the whole world; empty when none does. */
static struct view whole_world(const struct conf *c)
{
    struct view rest = conf_view(c, P_mynetworks), word;
    struct net_network network;

    while (conf_list_next(&rest, &word)) {
        if (view_starts(word, VIEW("static:")))
            return word;
        if (net_network_parse(word, &network, NULL) && network.bits == 0)
            return word;
    }
    return VIEW_NONE;
}

static enum outcome walk(struct check *k, const struct conf *c, struct view text,
                         unsigned depth)
{
    struct restriction_words words;

    restriction_words_read(text, k->arena, &words);
    for (size_t i = 0; i < words.n && depth < CLASSES_DEEP; i++) {
        const struct restriction_word *w = &words.items[i];
        enum outcome inner = FALLS_THROUGH;
        if (stops(w->name) && !w->only_warns)
            return STOPPED;
        if (view_eq_case(w->name, VIEW("permit")) || always_permits(w->argument))
            return PERMITTED;
        if (view_eq_case(w->name, VIEW("permit_mynetworks")) && whole_world(c).n > 0)
            return PERMITTED;
        if (restriction_is_class(c, w->name))
            inner = walk(k, c, conf_named(c, w->name, NULL), depth + 1);
        if (inner != FALLS_THROUGH)
            return inner;
    }
    return FALLS_THROUGH;
}

/* Is there any word in the list that stops strangers, wherever it stands? */
static bool has_control(struct check *k, const struct conf *c, struct view text,
                        unsigned depth)
{
    struct restriction_words words;

    restriction_words_read(text, k->arena, &words);
    for (size_t i = 0; i < words.n && depth < CLASSES_DEEP; i++)
        if (stops(words.items[i].name) ||
            (restriction_is_class(c, words.items[i].name) &&
             has_control(k, c, conf_named(c, words.items[i].name, NULL), depth + 1)))
            return true;
    return false;
}

static void tell_open(struct check *k, const struct check_scene *scene,
                      enum outcome relay)
{
    const struct conf *c = scene->conf;
    struct view world = whole_world(c);
    const char *path;
    enum parameter guilty =
        relay == STOPPED || view_is_empty(conf_view(c, P_smtpd_relay_restrictions))
            ? P_smtpd_recipient_restrictions
            : P_smtpd_relay_restrictions;
    unsigned line;

    if (world.n > 0) {
        line = check_place_of(k, scene, P_mynetworks, &path);
        check_found(k, CHECK_WARNING, path, line,
                    "open relay: mynetworks has %.*s, so everybody may send mail to "
                    "everywhere; name your own networks",
                    VIEW_FMT(world));
        return;
    }
    line = check_place_of(k, scene, guilty, &path);
    check_found(k, CHECK_WARNING, path, line,
                "open relay: nothing stops a stranger's mail to a foreign destination; "
                "put reject_unauth_destination in front of what permits all");
}

static void check_lists(struct check *k, const struct check_scene *scene)
{
    const struct conf *c = scene->conf;
    struct view relay = access_relay_list(c);
    struct view recipient = conf_view(c, P_smtpd_recipient_restrictions);

    if (!has_control(k, c, relay, 0) && !has_control(k, c, recipient, 0)) {
        const char *path;
        unsigned line = check_place_of(k, scene, P_smtpd_relay_restrictions, &path);
        check_found(k, CHECK_ERROR, path, line,
                    "open relay: neither smtpd_relay_restrictions nor "
                    "smtpd_recipient_restrictions stops strangers, and smtpd does not "
                    "start like that; put reject_unauth_destination into one");
        return;
    }
    if (!view_eq(relay, conf_view(c, P_smtpd_relay_restrictions)))
        check_found(k, CHECK_NOTE, k->main_path, 0,
                    "without compatibility_level and without restrictions %.*s rule, as "
                    "before Postfix 2.10; say compatibility_level = 3.6",
                    VIEW_FMT(relay));
    enum outcome first = walk(k, c, relay, 0);
    if (first != STOPPED && walk(k, c, recipient, 0) != STOPPED)
        tell_open(k, scene, first);
}

/* --- networks --- */

/* Is the network for private use (RFC 1918, RFC 6598, RFC 4193), link or loopback? */
static bool is_private(const struct net_network *n)
{
    static const struct {
        const char *network;
    } list[] = {{"10.0.0.0/8"},  {"172.16.0.0/12"},  {"192.168.0.0/16"},
                {"127.0.0.0/8"}, {"169.254.0.0/16"}, {"100.64.0.0/10"},
                {"[fc00::]/7"},  {"[fe80::]/10"},    {"[::1]/128"}};

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct net_network own;
        if (net_network_parse(view_of(list[i].network), &own, NULL) &&
            own.family == n->family && own.bits <= n->bits &&
            memcmp(own.bytes, n->bytes, own.bits / 8) == 0 &&
            (own.bits % 8 == 0 ||
             (own.bytes[own.bits / 8] ^ n->bytes[own.bits / 8]) >> (8 - own.bits % 8) ==
                 0))
            return true;
    }
    return false;
}

static void check_networks(struct check *k, const struct check_scene *scene)
{
    struct view rest = conf_view(scene->conf, P_mynetworks), word;
    struct net_network network;
    const char *path;
    unsigned line = check_place_of(k, scene, P_mynetworks, &path);

    if (scene->service && path == k->main_path)
        return;
    while (conf_list_next(&rest, &word)) {
        struct error e = ERROR_INIT;
        if (!ascii_is_digit(word.p[0]) && word.p[0] != '[')
            continue;
        if (!net_network_parse(word, &network, &e)) {
            check_found(k, CHECK_WARNING, path, line, "mynetworks: %s; correct it",
                        e.text);
            continue;
        }
        unsigned usual = network.family == AF_INET ? 16 : 32;
        if (network.bits > 0 && network.bits < usual && !is_private(&network))
            check_found(k, CHECK_WARNING, path, line,
                        "mynetworks has %.*s, which is more than one site has; name your "
                        "own networks, others could relay",
                        VIEW_FMT(word));
    }
}

/* mynetworks_style = class trusts all customers of a provider. */
static void check_style(struct check *k)
{
    if (!conf_is_set(k->conf, P_mynetworks) && conf_is_set(k->conf, P_mynetworks_style) &&
        view_eq(conf_raw(k->conf, P_mynetworks_style), VIEW("class")))
        check_found(
            k, CHECK_WARNING, k->main_path, check_line_of(k->conf, P_mynetworks_style),
            "mynetworks_style = class trusts the whole network class, others' hosts "
            "too; say subnet, or name your networks in mynetworks");
}

void check_relay(struct check *k)
{
    for (size_t i = 0; i < k->n_scenes; i++) {
        const struct check_scene *scene = &k->scenes[i];
        if (scene->service && !view_eq(scene->service->command, VIEW("smtpd")))
            continue;
        check_networks(k, scene);
        check_lists(k, scene);
    }
    check_style(k);
}
