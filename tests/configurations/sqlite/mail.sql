CREATE TABLE domains (name TEXT, active INTEGER);
CREATE TABLE mailboxes (address TEXT, directory TEXT);
CREATE TABLE aliases (address TEXT, target TEXT);
INSERT INTO domains VALUES ('example.com', 1), ('other.example', 0);
INSERT INTO mailboxes VALUES ('info@example.com', 'example.com/info/');
INSERT INTO aliases VALUES ('sales@example.com', 'info@example.com');
