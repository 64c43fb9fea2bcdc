#!/usr/bin/env python3
"""Make parameter_list.h and parameter_table.c from parameters.tsv.

    parameters.py list  parameters.tsv OUT.h
    parameters.py table parameters.tsv OUT.c

Columns of the list: name, type, unit (of a time without one), range or choices,
default, owner, state, meaning.  The list is checked here: order, doubles, known
words, ranges; a mistake stops the build with the line's number.
"""
import sys

TYPES = ("string", "bool", "int", "time", "size", "enum", "raw",
         "transport-int", "transport-time", "transport-string")
STATES = ("honoured", "accepted", "later")
COLUMNS = ("name", "type", "unit", "range", "default", "owner", "state", "meaning")
INT64_MAX = "INT64_MAX"


class Mistake(Exception):
    """A line of the list that cannot be used."""


def check(row):
    """Raise Mistake unless ROW is in order."""
    if row["type"] not in TYPES:
        raise Mistake("unknown type " + row["type"])
    if row["state"] not in STATES:
        raise Mistake("unknown state " + row["state"])
    if row["type"].endswith("time") != (row["unit"] in tuple("smhdw")):
        raise Mistake("a time, and only a time, has a unit")
    if row["type"] == "enum" and "|" not in row["range"]:
        raise Mistake("an enum needs its choices")
    if not row["meaning"]:
        raise Mistake("no meaning")


def read(path):
    """The rows of the list as dictionaries, in the order of their names."""
    rows = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if number == 1:
                continue
            cells = line.rstrip("\n").split("\t")
            if len(cells) != len(COLUMNS):
                sys.exit(f"{path}:{number}: {len(cells)} columns, not {len(COLUMNS)}")
            row = dict(zip(COLUMNS, cells))
            if rows and rows[-1]["name"] >= row["name"]:
                sys.exit(f"{path}:{number}: {row['name']} is not in order")
            try:
                check(row)
            except Mistake as mistake:
                sys.exit(f"{path}:{number}: {row['name']}: {mistake}")
            rows.append(row)
    return rows


def quoted(text):
    """TEXT as a C string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def limits(row):
    """The least and the greatest value as C expressions."""
    low, dots, high = row["range"].partition("..")
    if not dots:
        return "0", INT64_MAX
    return low or "0", high or INT64_MAX


def template_default(row, known):
    """The parameter that a per-transport name falls back to, or P_COUNT."""
    if not row["type"].startswith("transport-"):
        return "P_COUNT"
    name = row["default"].lstrip("$")
    if name not in known:
        sys.exit(f"{row['name']}: its default is not a parameter")
    return "P_" + name


def write_list(rows, out):
    """The enumeration of all parameters."""
    out.write("/* Made from parameters.tsv. */\n#ifndef CONF_PARAMETER_LIST_H\n"
              "#define CONF_PARAMETER_LIST_H\n\nenum parameter {\n")
    for row in rows:
        out.write(f"    P_{row['name']},\n")
    out.write("    P_COUNT\n};\n\n#endif\n")


def write_table(rows, out):
    """What conf/parameter.h promises, one entry a parameter."""
    known = {row["name"] for row in rows}
    out.write('/* Made from parameters.tsv. */\n#include "conf/parameter.h"\n\n'
              "const struct parameter_info parameter_table[P_COUNT] = {\n")
    for row in rows:
        low, high = limits(row)
        kind = "PARAMETER_" + row["type"].upper().replace("-", "_")
        choices = quoted(row["range"]) if row["type"] == "enum" else "NULL"
        out.write(
            f"    [P_{row['name']}] = {{{quoted(row['name'])}, {kind}, "
            f"'{row['unit'] or ' '}', {low}, {high}, {choices},\n"
            f"        {quoted(row['default'])}, {quoted(row['owner'])}, "
            f"PARAMETER_{row['state'].upper()},\n        {quoted(row['meaning'])}, "
            f"{template_default(row, known)}}},\n")
    out.write("};\n")


def main():
    """Run as the file's head tells."""
    kind, source, target = sys.argv[1:]
    rows = read(source)
    with open(target, "w", encoding="utf-8") as out:
        (write_list if kind == "list" else write_table)(rows, out)


if __name__ == "__main__":
    main()
