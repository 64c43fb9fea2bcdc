"""Mailboxes: login, the store, POP3, IMAP and LMTP, with real clients."""
