"""Authorities and certificates for tests, made with the openssl command."""

import pathlib
import subprocess


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True,
                          timeout=60, **options)


class Authority:
    """An authority below DIRECTORY that issues certificates: keys of ec, rsa or dsa."""

    def __init__(self, directory, name="Test Authority"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.key, self.file = self.directory / "ca.key", self.directory / "ca.pem"
        self.new_key(self.key)
        openssl("req", "-new", "-x509", "-key", self.key, "-out", self.file, "-days", 30, "-subj",
                f"/O=Diligence tests/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")

    @staticmethod
    def new_key(path, kind="ec"):
        if kind == "dsa":
            parameters = path.with_suffix(".dsa")
            openssl("dsaparam", "-out", parameters, 2048)
            openssl("gendsa", "-out", path, parameters)
        elif kind == "rsa":
            openssl("genrsa", "-out", path, 2048)
        else:
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)

    def issue(self, file, name, alternative=None, days=30, kind="ec", usage=""):
        """A file with key and certificate for NAME; its path."""
        base = self.directory / file
        key, request, leaf = (base.with_suffix(s) for s in (".key", ".csr", ".crt"))
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName=DNS:{alternative or name}\n" +
                              (f"extendedKeyUsage={usage}\n" if usage else ""))
        self.new_key(key, kind)
        openssl("req", "-new", "-key", key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key,
                "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", leaf)
        base.write_text(key.read_text() + leaf.read_text())
        base.chmod(0o644)
        return base


def fingerprint(file, digest="sha256"):
    """"AB:CD:..." of the first certificate in FILE."""
    text = openssl("x509", "-in", file, "-noout", "-fingerprint", f"-{digest}").stdout.decode()
    return text.strip().split("=", 1)[1]


def key_fingerprint(file, digest="sha256"):
    """The same of its public key."""
    key = openssl("x509", "-in", file, "-noout", "-pubkey").stdout
    der = openssl("pkey", "-pubin", "-outform", "DER", input=key).stdout
    text = openssl("dgst", f"-{digest}", "-c", input=der).stdout.decode()
    return text.strip().split("= ", 1)[1].upper()
