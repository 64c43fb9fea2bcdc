/* postkick - send a trigger to a service
 *
 * Usage: postkick [-c config_dir] [-v] class service request.  postkick(1).
 */
#include "base/log.h"
#include "service/instance.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    const char *directory = NULL;
    struct error e = ERROR_INIT;
    int letter;

    log_set_command("postkick");
    while ((letter = getopt(argc, argv, "c:v")) != -1) {
        if (letter == 'c')
            directory = optarg;
        else if (letter == 'v')
            log_verbose++;
        else
            optind = argc;
    }
    if (argc - optind != 3)
        log_fatal("usage: postkick [-c config_dir] [-v] class service request");
    const char *class = argv[optind], *service = argv[optind + 1];
    instance_enter(instance_conf(directory));
    if ((strcmp(class, "public") == 0 || strcmp(class, "private") == 0) &&
        !strchr(service, '/') && instance_trigger(class, service, argv[optind + 2], &e))
        return 0;
    if (error_is_set(&e))
        log_warning("unable to look up %s/%s: %s", class, service, error_cstr(&e));
    log_warning("Cannot contact class %s service %s - perhaps the mail system is down",
                class, service);
    return 1;
}
