/* other - what the mail system can, apart from its files: -a -A -b -l -m -t -T */
#include "postconf.h"

#include "base/log.h"
#include "conf/parameter.h"
#include "dsn/template.h"
#include "table/table.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

int show_table_types(void)
{
    for (size_t i = 0; table_type_name(i); i++)
        puts(table_type_name(i));
    return 0;
}

int show_locks(void)
{
    puts("flock\nfcntl\ndotlock");
    return 0;
}

int show_sasl_types(bool client)
{
    enum parameter p = client ? P_smtp_sasl_type : P_smtpd_sasl_type;

    /* Before sessions obey the parameter there is nothing to choose from. */
    if (parameter_table[p].state == PARAMETER_HONOURED)
        puts(client ? "builtin\ncyrus" : "builtin\ncyrus\ndovecot");
    return 0;
}

/* The texts of bounce_template_file, or of the file in the arguments; "" is built in. */
int show_templates(const struct options *o, bool raw)
{
    struct arena *a = arena_new();
    struct str out = STR_INIT(4u << 20);
    struct error e = ERROR_INIT;
    struct dsn_templates templates;
    const char *file = NULL;
    struct conf *c;

    if (o->n_names > 1)
        log_fatal("options -b and -t require at most one template file");
    if (o->n_names == 1)
        file = arena_printf(o->arena, "bounce_template_file=%s", o->names[0]).p;
    if (!conf_load(o->directory, &file, o->n_names, &c, &e))
        log_fatal("%s", error_cstr(&e));
    if (!dsn_templates_load(&templates, c, a, &e))
        log_fatal("%s", error_cstr(&e));
    dsn_templates_print(&templates, c, raw, &out);
    fwrite(out.p, 1, out.n, stdout);
    str_done(&out);
    conf_free(c);
    arena_free(a);
    return 0;
}

/* Kinds of keys that a certificate may have, as far as this OpenSSL knows them. */
static int show_key_algorithms(void)
{
    static const struct {
        int type;
        const char *name;
    } known[] = {{EVP_PKEY_DSA, "dsa"}, {EVP_PKEY_EC, "ecdsa"}, {EVP_PKEY_RSA, "rsa"}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(known[i].type, NULL);
        if (context)
            puts(known[i].name);
        EVP_PKEY_CTX_free(context);
    }
    return 0;
}

int show_tls(const struct options *o)
{
    struct view question = view_of(o->tls_question);

    if (view_eq(question, VIEW("compile-version")))
        return puts(OPENSSL_VERSION_TEXT) < 0;
    if (view_eq(question, VIEW("run-version")))
        return puts(OpenSSL_version(OPENSSL_VERSION)) < 0;
    if (view_eq(question, VIEW("public-key-algorithms")))
        return show_key_algorithms();
    log_warning("unknown 'postconf -T' mode: %s", o->tls_question);
    return 1;
}
