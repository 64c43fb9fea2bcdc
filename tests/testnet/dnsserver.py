#!/usr/bin/env python3
"""A small authoritative DNS server (UDP and TCP) for tests, on loopback only.

A zone is a dict from names to what is known of them:

    {"example.com": {"MX": ["10 mx1.example.com", "20 mx2.example.com"],
                     "TXT": ["v=spf1 -all"], "NS": ["ns.example.com"], "ttl": 60},
     "mx1.example.com": {"A": ["127.0.0.2"], "AAAA": ["::1"]},
     "www.example.com": {"CNAME": "mx1.example.com"},
     "127.0.0.2": {"PTR": ["mx1.example.com"]},        # the reverse name is made from it
     "nomail.example": {"MX": ["0 ."]},
     "broken.example": {"fail": "servfail"},           # or noanswer nxdomain refused garbage
     "half.example": {"A": ["127.0.0.3"], "fail": {"AAAA": "servfail"}},
     "plain.example": {"MX": ["10 mx1.example.com"], "additional": false},
     "slow.example": {"A": ["127.0.0.4"], "delay": 0.5},
     "*.wild.example": {"A": ["127.0.0.5"]}}

What is not in the zone does not exist.  As a module:

    with DnsServer(zone) as dns:
        ... dns.host, dns.port ... dns.count("example.com", "MX") ... dns.zone[...] = ...

As a command: dnsserver.py --listen 127.0.0.1:5353 --zone zone.json [--log queries.log].
Port 0 takes a free one.  "listening ADDRESS:PORT" on standard output says that it is ready;
SIGHUP reads the zone again.  The log has one line a query: "udp example.com MX".
"""

import argparse
import ipaddress
import json
import signal
import socket
import struct
import sys
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28,
         "SRV": 33, "OPT": 41, "TLSA": 52, "ANY": 255}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {"servfail": 2, "nxdomain": 3, "refused": 5}
CLASS_IN = 1
DEFAULT_TTL = 60
CNAME_LIMIT = 8


class Malformed(Exception):
    """A query that cannot be read."""


def reverse_name(key):
    """The reverse name of a numeric address; other keys stay, in lower case."""
    try:
        return ipaddress.ip_address(key).reverse_pointer
    except ValueError:
        return key.lower().rstrip(".")


class Packet:
    """A reply being written, with name compression."""

    def __init__(self):
        self.bytes = bytearray()
        self.names = {}

    def name(self, name):
        """Append NAME, pointing to its longest tail that was written before."""
        labels = [label for label in name.split(".") if label]
        while labels:
            tail = ".".join(labels).lower()
            if tail in self.names:
                self.bytes += struct.pack("!H", 0xC000 | self.names[tail])
                return
            if len(self.bytes) < 0x4000:
                self.names[tail] = len(self.bytes)
            label = labels.pop(0).encode("ascii")
            self.bytes += bytes([len(label)]) + label
        self.bytes += b"\0"

    def record(self, owner, rtype, ttl, data):
        """Append one record; DATA(self) writes its data."""
        self.name(owner)
        self.bytes += struct.pack("!HHIH", TYPES[rtype], CLASS_IN, ttl, 0)
        start = len(self.bytes)
        data(self)
        struct.pack_into("!H", self.bytes, start - 2, len(self.bytes) - start)


def write_data(rtype, value):
    """A function that writes the data of one record."""
    def write(packet):
        if rtype == "A":
            packet.bytes += ipaddress.IPv4Address(value).packed
        elif rtype == "AAAA":
            packet.bytes += ipaddress.IPv6Address(value).packed
        elif rtype == "MX":
            preference, host = value.split(None, 1)
            packet.bytes += struct.pack("!H", int(preference))
            packet.name(host)
        elif rtype == "SRV":
            *numbers, host = value.split()
            packet.bytes += struct.pack("!HHH", *map(int, numbers))
            packet.name(host)
        elif rtype == "TXT":
            text = value.encode("utf-8")
            for at in range(0, max(len(text), 1), 255):
                piece = text[at:at + 255]
                packet.bytes += bytes([len(piece)]) + piece
        elif rtype == "SOA":
            packet.name("ns.invalid")
            packet.name("hostmaster.invalid")
            packet.bytes += struct.pack("!IIIII", 1, 3600, 600, 86400, value)
        else:  # NS CNAME PTR
            packet.name(value)
    return write


def read_question(query):
    """(id, flags, name, type, end of the question, size that the asker takes)."""
    if len(query) < 17:
        raise Malformed
    ident, flags, questions, _, _, additional = struct.unpack_from("!HHHHHH", query)
    labels, at = [], 12
    while at < len(query) and query[at]:
        length = query[at]
        if length > 63 or at + 1 + length >= len(query):
            raise Malformed
        labels.append(query[at + 1:at + 1 + length].decode("latin-1"))
        at += 1 + length
    if questions != 1 or at + 5 > len(query):
        raise Malformed
    number = struct.unpack_from("!H", query, at + 1)[0]
    size = None
    if additional and len(query) >= at + 16 and query[at + 5:at + 8] == b"\0\0\x29":
        size = struct.unpack_from("!H", query, at + 8)[0]
    return ident, flags, ".".join(labels), TYPE_NAMES.get(number, str(number)), at + 5, size


class DnsServer:
    """Answers from ZONE until stop(); see the module's text for the zone's form."""

    def __init__(self, zone=None, host="127.0.0.1", port=0, log=None, negative_ttl=0):
        self.zone = dict(zone or {})
        self.host = host
        self.negative_ttl = negative_ttl
        self.queries = []  # (protocol, name, type)
        self.log = log
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = []
        self.tcp = None
        self.udp = None
        self._bind(port)

    def _bind(self, port):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        for attempt in range(20):
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.tcp = socket.socket(family, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.udp.bind((self.host, port))
            self.port = self.udp.getsockname()[1]
            try:
                self.tcp.bind((self.host, self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
                if port or attempt == 19:
                    raise
        self.tcp.listen(64)
        self.udp.settimeout(0.1)
        self.tcp.settimeout(0.1)

    # --- life ---

    def start(self):
        for work in (self._serve_udp, self._serve_tcp):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self.threads.append(thread)
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=5)
        self.udp.close()
        self.tcp.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def nameserver(self):
        """As the parameter resolver_nameservers wants it."""
        return f"{self.host}@{self.port}"

    # --- what was asked ---

    def count(self, name=None, rtype=None):
        """How many queries came for NAME and RTYPE (None: any)."""
        with self.lock:
            return sum(1 for _, asked, asked_type in self.queries
                       if name in (None, asked) and rtype in (None, asked_type))

    def reset(self):
        with self.lock:
            self.queries.clear()

    def _note(self, protocol, name, rtype):
        with self.lock:
            self.queries.append((protocol, name, rtype))
            if self.log:
                print(protocol, name, rtype, file=self.log, flush=True)

    # --- answers ---

    def entry(self, name):
        """What the zone says of NAME, by itself or by a wildcard; None when nothing."""
        known = {reverse_name(key): value for key, value in self.zone.items()}
        if name in known:
            return known[name]
        labels = name.split(".")
        for i in range(1, len(labels)):
            wild = known.get("*." + ".".join(labels[i:]))
            if wild is not None:
                return wild
        if any(key.endswith("." + name) for key in known):
            return {}  # an empty name between others
        return None

    @staticmethod
    def _failure(entry, rtype):
        failure = (entry or {}).get("fail")
        return failure.get(rtype) if isinstance(failure, dict) else failure

    @staticmethod
    def _values(entry, rtype):
        values = entry.get(rtype, [])
        return [values] if isinstance(values, str) else values

    def _answers(self, name, rtype):
        """(rcode, answer records) with CNAMEs followed."""
        records = []
        for _ in range(CNAME_LIMIT):
            entry = self.entry(name)
            if entry is None:
                return RCODES["nxdomain"], records
            ttl = entry.get("ttl", DEFAULT_TTL)
            found = self._values(entry, rtype)
            records += [(name, rtype, ttl, value) for value in found]
            if found or "CNAME" not in entry or rtype == "CNAME":
                break
            target = self._values(entry, "CNAME")[0]
            records.append((name, "CNAME", ttl, target))
            name = target.lower().rstrip(".")
        return 0, records

    def _additional(self, answers):
        """Addresses of the hosts that ANSWERS name."""
        records, seen = [], set()
        for _, rtype, _, value in answers:
            if rtype not in ("MX", "NS", "SRV"):
                continue
            host = value.split(None, 1)[-1].lower().rstrip(".")
            entry = self.entry(host)
            if entry is None or host in seen or entry.get("fail"):
                continue
            seen.add(host)
            ttl = entry.get("ttl", DEFAULT_TTL)
            for address in ("A", "AAAA"):
                records += [(host, address, ttl, v) for v in self._values(entry, address)]
        return records

    def reply(self, query, protocol):
        """The reply to QUERY, or None for none."""
        try:
            ident, flags, asked, rtype, end, size = read_question(query)
        except Malformed:
            return None
        name = asked.lower()
        self._note(protocol, name, rtype)
        entry = self.entry(name)
        if entry and entry.get("delay"):
            time.sleep(entry["delay"])
        failure = self._failure(entry, rtype)
        if failure == "noanswer":
            return None
        if failure == "garbage":
            return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end] + b"\xc0\xff\0"
        if failure:
            rcode, answers = RCODES[failure], []
        else:
            rcode, answers = self._answers(name, rtype)
        authority = []
        if not answers and rcode in (0, 3):
            authority = [(name.split(".")[-1], "SOA", self.negative_ttl, self.negative_ttl)]
        extra = self._additional(answers) if (entry or {}).get("additional", True) else []
        reply = self._encode(query[12:end], asked, ident, flags, rcode,
                             (answers, authority, extra), size)
        if protocol == "udp" and len(reply) > (size or 512):
            reply = self._encode(query[12:end], asked, ident, flags | 0x200, rcode,
                                 ([], [], []), size)
        return reply

    @staticmethod
    def _encode(question, asked, ident, flags, rcode, sections, size):
        packet = Packet()
        # A reply, authoritative, recursion available; RD and our TC as given.
        packet.bytes += struct.pack("!HHHHHH", ident, 0x8480 | flags & 0x0300 | rcode, 1,
                                    len(sections[0]), len(sections[1]),
                                    len(sections[2]) + (size is not None))
        if asked:
            packet.names[asked.lower()] = 12
        packet.bytes += question
        for section in sections:
            for owner, rtype, ttl, value in section:
                packet.record(owner, rtype, ttl, write_data(rtype, value))
        if size is not None:
            packet.bytes += b"\0" + struct.pack("!HHIH", TYPES["OPT"], 4096, 0, 0)
        return bytes(packet.bytes)

    # --- sockets ---

    def _answer_udp(self, query, peer):
        reply = self.reply(query, "udp")
        if reply:
            try:
                self.udp.sendto(reply, peer)
            except OSError:
                pass  # the asker, or this server, has gone

    def _serve_udp(self):
        while not self.stopping.is_set():
            try:
                query, peer = self.udp.recvfrom(4096)
            except socket.timeout:
                continue
            except OSError:
                return
            if any((entry or {}).get("delay") for entry in self.zone.values()):
                threading.Thread(target=self._answer_udp, args=(query, peer),
                                 daemon=True).start()
            else:
                self._answer_udp(query, peer)

    def _serve_tcp(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.tcp.accept()
            except socket.timeout:
                continue
            except OSError:
                return
            threading.Thread(target=self._tcp_session, args=(connection,), daemon=True).start()

    def _tcp_session(self, connection):
        with connection:
            connection.settimeout(5)
            stream = connection.makefile("rb")
            try:
                while True:
                    head = stream.read(2)
                    if len(head) < 2:
                        return
                    reply = self.reply(stream.read(struct.unpack("!H", head)[0]), "tcp")
                    if reply is None:
                        return
                    connection.sendall(struct.pack("!H", len(reply)) + reply)
            except OSError:
                return


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--listen", default="127.0.0.1:5353", metavar="ADDRESS:PORT")
    parser.add_argument("--zone", required=True, metavar="FILE.json")
    parser.add_argument("--log", metavar="FILE", help="one line a query is added")
    parser.add_argument("--negative-ttl", type=int, default=0, metavar="SECONDS")
    options = parser.parse_args()

    def read_zone():
        with open(options.zone, encoding="utf-8") as file:
            return json.load(file)

    host, port = options.listen.rsplit(":", 1)
    log = open(options.log, "a", encoding="utf-8") if options.log else None
    server = DnsServer(read_zone(), host.strip("[]"), int(port), log, options.negative_ttl)

    def reload_zone(*_):
        server.zone = read_zone()

    stopping = threading.Event()
    signal.signal(signal.SIGHUP, reload_zone)
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    server.start()
    sys.stdout.write(f"listening {server.host}:{server.port}\n")
    sys.stdout.flush()
    while not stopping.wait(0.5):
        pass
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
