"""fibers - list the sleeping fibers of a Diligence program, with backtraces

    gdb -p PID -x tools/gdb/fibers.py -batch -ex fibers
    gdb PROGRAM CORE -x tools/gdb/fibers.py -batch -ex 'fibers 5'

`fibers [DEPTH]` prints each fiber: its name, what it waits for until when, and up
to DEPTH frames (20 by default).  In a live process gdb itself unwinds each stack;
in a core file, where registers cannot be changed, the chain of frame pointers is
followed (the program is built with them), which ends in a library without them.

The layout of a sleeping stack is that of lib/run/fiber_switch_asm.S; of a program
built with -Dfiber_switch=ucontext, that of ucontext_t.
"""

import gdb

WORD = 8
# Words from the saved stack pointer up, in the order that the assembly pushes.
X86_64_SAVED = ["r15", "r14", "r13", "r12", "rbx", "rbp", "rip"]
AARCH64_SAVED = ["x%d" % n for n in range(19, 31)]


def read_word(address):
    """The 64-bit word at ADDRESS."""
    data = gdb.selected_inferior().read_memory(address, WORD)
    return int.from_bytes(bytes(data), "little")


def is_x86_64():
    return "x86-64" in gdb.selected_inferior().architecture().name()


def saved_by_assembly(sp):
    """The registers at the point where the fiber sleeps, by name."""
    if is_x86_64():
        registers = {name: read_word(sp + WORD * i) for i, name in enumerate(X86_64_SAVED)}
        registers["rsp"] = sp + WORD * len(X86_64_SAVED)
        return registers
    registers = {name: read_word(sp + WORD * i) for i, name in enumerate(AARCH64_SAVED)}
    registers["pc"] = registers["x30"]
    registers["sp"] = sp + 160
    return registers


def saved_by_ucontext(context):
    """As saved_by_assembly, out of a ucontext_t."""
    machine = context["saved"]["uc_mcontext"]
    if is_x86_64():
        order = {"r12": 4, "r13": 5, "r14": 6, "r15": 7, "rbp": 10, "rbx": 11, "rsp": 15, "rip": 16}
        return {name: int(machine["gregs"][i]) for name, i in order.items()}
    registers = {"x%d" % n: int(machine["regs"][n]) for n in range(19, 31)}
    registers["sp"] = int(machine["sp"])
    registers["pc"] = int(machine["pc"])
    return registers


def saved_registers(fiber):
    context = fiber["context"]
    if any(field.name == "saved" for field in context.type.fields()):
        return saved_by_ucontext(context)
    return saved_by_assembly(int(context["sp"]))


def unwind_live(registers, depth):
    """Let gdb unwind from REGISTERS; they are put back afterwards."""
    gdb.execute("select-frame 0", to_string=True)
    before = {name: int(gdb.parse_and_eval("(unsigned long)$" + name)) for name in registers}
    try:
        for name, value in registers.items():
            gdb.execute("set var $%s = %d" % (name, value & (1 << 64) - 1), to_string=True)
        return gdb.execute("backtrace %d" % depth, to_string=True)
    finally:
        gdb.execute("select-frame 0", to_string=True)
        for name, value in before.items():
            gdb.execute("set var $%s = %d" % (name, value), to_string=True)


def describe_pc(number, pc):
    """One line for the code at PC, as gdb's backtrace has it."""
    where = gdb.find_pc_line(pc)
    block = gdb.block_for_pc(pc)
    while block is not None and block.function is None:
        block = block.superblock
    name = block.function.name if block else "??"
    place = " at %s:%d" % (where.symtab.filename, where.line) if where.symtab else ""
    return "#%-3d 0x%016x in %s%s\n" % (number, pc, name, place)


def unwind_by_frame_pointers(registers, depth):
    pc = registers.get("rip", registers.get("pc"))
    frame = registers.get("rbp", registers.get("x29"))
    lines = []
    while pc and len(lines) < depth:
        lines.append(describe_pc(len(lines), pc - (1 if lines else 0)))
        if frame == 0:
            break
        try:
            above, pc = read_word(frame), read_word(frame + WORD)
        except gdb.MemoryError:
            break
        frame = above if above > frame else 0
    return "".join(lines)


def each_fiber():
    """Every live fiber, by the list that goes through all of them."""
    fibers = gdb.parse_and_eval("fibers")
    fiber_type = gdb.lookup_type("struct fiber")
    offset = next(f.bitpos // 8 for f in fiber_type.fields() if f.name == "all")
    head = fibers["all"]["head"]
    link = head["next"]
    while link != head.address:
        address = int(link) - offset
        yield gdb.Value(address).cast(fiber_type.pointer()).dereference()
        link = link["next"]


def state_of(fiber, running):
    if running != 0 and int(fiber.address) == int(running):
        return "running"
    if not fiber["parked"]:
        return "ready"
    deadline = int(fiber["deadline"])
    if deadline == (1 << 63) - 1:
        return "sleeping without deadline"
    return "sleeping until %d.%06d" % divmod(deadline, 1000000)


class Fibers(gdb.Command):
    """fibers [DEPTH]: list the fibers with their backtraces."""

    def __init__(self):
        super().__init__("fibers", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        depth = int(argument) if argument else 20
        running = gdb.parse_and_eval("fibers")["running"]
        is_live = gdb.selected_inferior().pid != 0 and not self.is_core()
        count = 0
        for fiber in each_fiber():
            count += 1
            state = state_of(fiber, running)
            cancelled = ", cancelled" if fiber["cancelled"] else ""
            gdb.write("fiber %s (0x%x): %s%s\n"
                      % (fiber["name"].string(), int(fiber.address), state, cancelled))
            if state == "running":
                continue
            unwind = unwind_live if is_live else unwind_by_frame_pointers
            gdb.write(unwind(saved_registers(fiber), depth) + "\n")
        gdb.write("%d fibers\n" % count)

    @staticmethod
    def is_core():
        return "core" in gdb.execute("info target", to_string=True).split("\n", 1)[0].lower() \
            or "Local core dump file" in gdb.execute("info files", to_string=True)


Fibers()
