/* expiry - certificates that are about to run out; see expiry.h */
#include "tls/expiry.h"

#include "tls/files.h"
#include "tls/private.h"
#include "tls/self_signed.h"

#include <openssl/err.h>
#include <openssl/pem.h>

struct check {
    tls_expiry_fn *tell;
    void *arg;
    const char *path;
};

static void look_at(const struct check *k, X509 *x)
{
    int days = 0, seconds = 0;
    char name[256] = "", date[32] = "";
    struct tm end;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) != 1 ||
        days >= TLS_EXPIRY_DAYS)
        return;
    X509_NAME_oneline(X509_get_subject_name(x), name, sizeof name);
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &end) == 1)
        (void)strftime(date, sizeof date, "%Y-%m-%d", &end);
    struct str text = STR_INIT(1500);
    if (days < 0 || seconds < 0)
        str_addf(&text, "certificate %s in %s has ended (%s): renew it", name, k->path,
                 date);
    else
        str_addf(&text, "certificate %s in %s ends in %d day%s (%s): renew it", name,
                 k->path, days, days == 1 ? "" : "s", date);
    k->tell(str_view(&text), k->arg);
    str_done(&text);
}

static void look_into(struct check *k, const struct conf *c, struct view file)
{
    struct str path = STR_INIT(1024), text = STR_INIT(TLS_FILE_MAX);
    X509 *x;
    if (file.p[0] != '/')
        str_addf(&path, "%s/", conf_directory(c));
    str_add(&path, file);
    k->path = str_cstr(&path);
    if (tls_files_read(NULL, k->path, &text) && text.n > 0) {
        BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
        while (bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
            look_at(k, x);
            X509_free(x);
        }
        BIO_free(bio);
        ERR_clear_error();
    }
    if (text.p)
        OPENSSL_cleanse(text.p, text.n);
    str_done(&text);
    str_done(&path);
}

void tls_expiry_check(const struct conf *c, const struct tls_role *role,
                      tls_expiry_fn *tell, void *arg)
{
    struct check k = {.tell = tell, .arg = arg};
    struct view list = conf_view(c, role->chain_files), word;
    const enum parameter single[] = {role->cert_file, role->eccert_file,
                                     role->dcert_file};
    bool has_chains = list.n > 0, has_any = has_chains;
    while (view_token(&list, VIEW(" \t\r\n,"), &word))
        look_into(&k, c, word);
    for (size_t i = 0; !has_chains && i < 3; i++) {
        word = view_trim_space(conf_view(c, single[i]));
        has_any = has_any || word.n > 0;
        if (word.n > 0 && !view_eq_case(word, VIEW("none")))
            look_into(&k, c, word);
    }
    if (has_any || !role->is_server)
        return;
    struct str own = STR_INIT(1024);
    look_into(&k, c, tls_self_signed_path(c, &own));
    str_done(&own);
}
