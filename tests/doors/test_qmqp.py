"""QMQP: qmail's clients hand over whole messages."""

import socket

from harness.instance import free_port


def netstring(data):
    data = data if isinstance(data, bytes) else data.encode()
    return b"%d:%s," % (len(data), data)


def ask(port, data):
    """Send DATA; the answer without its frame."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(data)
        answer = client.makefile("rb").read()
    if not answer:
        return ""
    length, _, rest = answer.partition(b":")
    assert rest[-1:] == b"," and len(rest) == int(length) + 1
    return rest[:-1].decode()


def package(content, sender, *recipients):
    return netstring(netstring(content) + netstring(sender) + b"".join(map(netstring, recipients)))


def test_qmqp(instance):
    """Authorized clients alone; one answer for the message; errors that last and that pass."""
    port = free_port()
    instance.extra_services = f"127.0.0.1:{port} inet n - n - - qmqpd\n"
    instance.set(mydestination="maison.mrs", local_recipient_maps="", mailbox_command="",
                 alias_maps="", qmqpd_authorized_clients="127.0.0.1", qmqpd_client_port_logging="yes",
                 qmqpd_error_delay="1s", qmqpd_timeout="2s", message_size_limit="100000")
    with instance:
        text = "Subject: qmqp\n\nhello\n" + "x" * 5000 + "\nend\n"
        reply = ask(port, package(text, "a@b.example", "daemon@maison.mrs", "daemon+x@maison.mrs"))
        assert reply.startswith("KOk: queued as ")
        queue_id = reply.rsplit(" ", 1)[1]
        instance.wait_removed(queue_id)
        assert instance.log_lines(rf"qmqpd.*{queue_id}: client=unknown\[127.0.0.1\]:\d+")
        box = instance.mbox("daemon")
        assert b"with QMQP\n\tid " + queue_id.encode() in box and b"\nhello\n" + b"x" * 5000 in box
        assert ask(port, package(text, "a@b.example")) == "DError: no recipients specified"
        assert ask(port, b"12:x") == "DError: netstring format error"
        assert ask(port, b"999999999999:") == "DError: message too large"
        assert ask(port, netstring(b"100001:")) == "DError: message too large"
        assert ask(port, b"100:5:he") == ""  # time out
        assert instance.log_lines("read/write timeout while receiving message content")
        # VERP, as qmail asks for it.
        reply = ask(port, package(text, "list-@b.example-@[]", "nobody@maison.invalid"))
        assert reply.startswith("KOk")
        instance.wait_log("from=<list@b.example>")
    instance.set(qmqpd_authorized_clients="192.0.2.1")
    with instance:
        assert ask(port, package("x\n", "a@b.example", "daemon@maison.mrs")).startswith(
            "DError: unknown[127.0.0.1]")
