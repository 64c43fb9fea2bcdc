"""S178: the name of the host, changed while the system runs."""

import os
import re
import subprocess

import pytest

from harness.instance import STAGE


@pytest.mark.skipif(os.getuid() != 0, reason="a host name of its own needs root")
def test_S178_the_host_name_is_taken_up_by_a_reload(instance):
    """After a reload the banner and myorigin follow hostname(1); a UTS name space keeps it from the machine."""
    del instance.parameters["myhostname"]
    instance.write()
    command = f"{STAGE}/bin/diligence -c {instance.config}"
    banner = f"timeout 5 bash -c 'exec 3<>/dev/tcp/{instance.address}/{instance.port}; head -1 <&3'"
    done = subprocess.run(
        ["unshare", "-u", "sh", "-c", f"""
         hostname old.maison.mrs; {command} start; {banner}; hostname new.maison.mrs; {command} reload
         for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; {banner} | grep new && break; done
         {STAGE}/bin/postconf -c {instance.config} -hx myorigin; {command} stop"""],
        capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stdout.splitlines() if not re.match("postfix", line)]
    assert lines[0].startswith("220 old.maison.mrs ESMTP"), done
    assert lines[1].startswith("220 new.maison.mrs ESMTP") and lines[2] == "new.maison.mrs", done
