/* system - the host's accounts: shadow's hash in a worker, or PAM in a child
 *
 * PAM's modules may wait, fork, change signals and leak: each check has a process of its
 * own, which says its verdict by its exit status.
 */
#include "auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/process.h"
#include "run/thread.h"
#include "sasl/password.h"

#include <errno.h>
#include <security/pam_appl.h>
#include <shadow.h>
#include <stdlib.h>
#include <sys/wait.h>

#define PAM_TIME (30 * CLOCK_SECOND)

enum { SAYS_OK = 0, SAYS_REFUSED = 1, SAYS_LATER = 2 };
enum { SYSTEM_SHADOW = 1, SYSTEM_PAM = 2 }; /* auth_system_users */

struct attempt {
    const char *service, *user;
    struct view password;
    enum result result;
    struct error error;
};

/* --- shadow --- */

static void shadow_work(void *arg)
{
    struct attempt *t = arg;
    struct spwd entry, *found = NULL;
    char buffer[2048];
    t->result = PERMFAIL;
    int code = getspnam_r(t->user, &entry, buffer, sizeof buffer, &found);
    if (code == EACCES || (code != 0 && code != ENOENT && found == NULL)) {
        errno = code;
        error_set_errno(&t->error, "4.7.0", "shadow passwords");
        t->result = TEMPFAIL;
    } else if (found != NULL && found->sp_pwdp[0] != '\0' && found->sp_pwdp[0] != '!' &&
               found->sp_pwdp[0] != '*') {
        enum password_match m =
            password_check(view_of(found->sp_pwdp), t->password, &t->error);
        t->result = m == PASSWORD_MATCHES ? OK : PERMFAIL;
    }
    explicit_bzero(buffer, sizeof buffer);
}

/* --- PAM --- */

/* The only question that is answered is the password. */
static int converse(int n, const struct pam_message **messages,
                    struct pam_response **responses, void *arg)
{
    const struct attempt *t = arg;
    if (n <= 0 || n > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *r = calloc((size_t)n, sizeof *r);
    if (r == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < n; i++)
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
            r[i].resp = strndup(t->password.p, t->password.n);
    *responses = r;
    return PAM_SUCCESS;
}

static int pam_child(void *arg)
{
    struct attempt *t = arg;
    const struct pam_conv conv = {converse, t};
    pam_handle_t *h = NULL;
    int code = pam_start(t->service, t->user, &conv, &h);
    if (code == PAM_SUCCESS)
        code = pam_authenticate(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    if (code == PAM_SUCCESS)
        code = pam_acct_mgmt(h, PAM_SILENT);
    int status = code == PAM_SUCCESS ? SAYS_OK : SAYS_REFUSED;
    if (code == PAM_AUTHINFO_UNAVAIL || code == PAM_SYSTEM_ERR || code == PAM_BUF_ERR ||
        code == PAM_ABORT || code == PAM_SERVICE_ERR) {
        log_warning("PAM service %s: %s", t->service, pam_strerror(h, code));
        status = SAYS_LATER;
    }
    if (h != NULL)
        (void)pam_end(h, code);
    return status;
}

static void pam_check(struct attempt *t)
{
    int status = 0;
    t->result = TEMPFAIL;
    pid_t pid = process_fork(pam_child, t, &t->error);
    if (pid < 0)
        return;
    if (process_wait(pid, clock_in(PAM_TIME), &status) != WAKE_OK) {
        process_end(pid, CLOCK_SECOND);
        error_set(&t->error, "4.7.0", "PAM service %s does not answer", t->service);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == SAYS_OK) {
        t->result = OK;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == SAYS_REFUSED) {
        t->result = PERMFAIL;
    } else {
        error_set(&t->error, "4.7.0", "PAM service %s failed", t->service);
    }
}

enum result system_check(struct auth *a, struct view user, struct view password,
                         struct arena *arena, struct error *e)
{
    struct attempt *t = NEW(struct attempt);
    t->service = conf_cstr(a->conf, P_auth_pam_service);
    t->user = arena_cstr(arena, user);
    t->password = password;
    if (conf_choice(a->conf, P_auth_system_users) == SYSTEM_PAM)
        pam_check(t);
    else
        thread_run(shadow_work, t);
    enum result r = t->result;
    if (r == TEMPFAIL)
        *e = t->error;
    memory_free(t);
    return r;
}
