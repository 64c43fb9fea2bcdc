"""Messages of all shapes, the same in every run: for two servers that are to see them alike."""

import random

ADDRESSES = ["a@x.org", "Joe <joe@x.org>", '"J. Q" <jq@x.org>', "joe@x.org (Joe Doe)",
             "=?utf-8?Q?=C3=89ric?= <e@x.org>", "undisclosed-recipients:;",
             "Friends: a@x.org, B <b@y.org>;", "<a@b.org>, c@d.org,\n\te@f.org", '"a b"@x.org',
             "x@[192.0.2.4]", '"quoted \\"word\\" and \\\\" <q@x.org>']
SUBJECTS = ["hello", "Re: hello", "Fwd: hello", "[list] hello", "Re: [list] Re: hello (fwd)", "world",
            "re: World", "=?utf-8?B?w6l0w6k=?=", "folded\n subject", "[Fwd: hello]", "zebra", "Alpha",
            "=?iso-8859-1?Q?d=E9j=E0_vu?="]
TYPES = ["text/plain", "text/plain; charset=utf-8", 'text/html; charset="iso-8859-1"',
         'image/png; name="a b.png"', "application/pdf;\n\tname=x.pdf", 'text/x-foo; a=b; c="d e"',
         "TEXT/PLAIN; format=flowed"]
DISPOSITIONS = ["attachment", "inline", "attachment; filename=a.pdf",
                'attachment; filename="a b"; size=3', "inline;\n filename=x"]
BODIES = {"7bit": "a line of plain text\n\nand one more, about a lighthouse\n",
          "quoted-printable": "caf=C3=A9 in the morn=\ning=20\n=E9t=E9 no more\n",
          "base64": "w6l0w6kgaW4gYSBsaWdodGhvdXNlCg==\n"}

# Shapes that a Maker does not make; the RFCs tell how to read them.
ODD = ["\nbody only\n", "Subject: a\n b\n\tc\n\nx\n", "From: caf\u00e9 <a@b.c>\n\n\u00e9\n",
       "Subject: x\r\n\r\nCR LF\r\nin the file\r\n", "Subject: no line end\n\nx", "Subject:\nTo:\n\nx\n",
       "Subject: " + "x" * 5000 + "\n\nx\n", "X: " + "y " * 3000 + "\n\n" + "z" * 5000,
       "Content-Type: message/rfc822\n\nSubject: in\n", "Content-Type: message/rfc822\n\n\n\n",
       "Content-Type: multipart/mixed; boundary=x\n\nnothing\n",
       "Content-Type: multipart/mixed; boundary=x\n\n--x--\n",
       "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n"
       "--ab\n\nx\n--a\n\ny\n--ab--\n--a--\n",
       "Content-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: d\n\nx\n--a--\n",
       "Content-Type: image/png; size=1; name*0=\"a \"; name*1=b\nContent-Disposition: attachment;\n"
       " filename*0*=utf-8''%C3%A9t; filename*1*=%C3%A9;\n filename*2*=.png\n\nx\n"]


class Maker:
    """One stream of choices."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def choice(self, of):
        return self.random.choice(of)

    def fields(self):
        found = []
        for share, line in ((.3, "Content-Disposition: " + self.choice(DISPOSITIONS)),
                            (.2, f"Content-ID: <{self.random.randint(1, 9)}@x.org>"),
                            (.2, "Content-Description: a thing"),
                            (.1, "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ=="),
                            (.1, "Content-Language: " + self.choice(["en", "en, fr"])),
                            (.1, "Content-Location: http://x.org/")):
            if self.chance(share):
                found.append(line)
        return found

    def leaf(self):
        encoding = self.choice(list(BODIES))
        fields = self.fields() + ["Content-Type: " + self.choice(TYPES)]
        if encoding != "7bit" or self.chance(.5):
            fields.append("Content-Transfer-Encoding: " + self.choice([encoding, encoding.upper()]))
        self.random.shuffle(fields)
        return "\n".join(fields) + "\n\n" + BODIES[encoding] * self.random.randint(1, 3)

    def multipart(self, depth):
        boundary = f"b{self.random.randint(1, 10**6)}"
        kind = self.choice(["mixed", "alternative", "related"])
        text = "\n".join(self.fields() + [f'Content-Type: multipart/{kind}; boundary="{boundary}"'])
        text += "\n\n" + self.choice(["", "a preamble, S070\n"])
        for _ in range(self.random.randint(1, 3)):
            text += f"--{boundary}\n{self.entity(depth + 1)}\n"
        return text + f"--{boundary}--\n" + self.choice(["", "an epilogue\n"])

    def entity(self, depth):
        if depth < 3 and self.chance(.35):
            return self.multipart(depth)
        if depth < 3 and self.chance(.1):
            return ("\n".join(self.fields() + ["Content-Type: message/rfc822"]) + "\n\n"
                    + self.message(depth + 1))
        return self.leaf()

    def message(self, depth=0):
        fields = []
        for name in ("From", "To", "Cc", "Reply-To", "Sender", "Bcc"):
            if name == "From" or self.chance(.9 if name == "To" else .2):
                fields.append(f"{name}: {self.choice(ADDRESSES)}")
        fields += ["Subject: " + self.choice(SUBJECTS),
                   f"Date: {self.random.randint(1, 28)} May 2003 {self.random.randint(0, 23):02}"
                   ":06:57 +0200", self.message_id("Message-ID")]
        if self.chance(.5):
            fields.append("References: " + " ".join(self.identity() for _ in range(3)))
        elif self.chance(.3):
            fields.append(self.message_id("In-Reply-To"))
        self.random.shuffle(fields)
        return "\n".join(fields) + "\nMIME-Version: 1.0\n" + self.entity(depth)

    def identity(self):
        return f"<m{self.random.randint(1, 80)}@x.org>"

    def message_id(self, name):
        return f"{name}: {self.identity()}"


def messages(count, seed=1):
    maker = Maker(seed)
    return [maker.message().encode() for _ in range(count)]
