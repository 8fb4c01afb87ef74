#!/usr/bin/env python3
"""Writes seeds for fuzz_objects: a few valid objects of each kind in the layout of each version, and corrupt ones.

    make_object_seeds.py FOLDER

Each file is the memory at DATA, as the opening comment of fuzz_objects.c describes it. Where fields are is read from
lib/layout/*.def.
"""
import pathlib
import re
import struct
import sys

DATA = 0x100000
SLOT = 64
TYPE_MARK = 0x45505954
ROOT_FRAME, ROOT_GC, ROOT_MODULES, ROOT_SYSDICT, ROOT_BUILTINS = 8, 16, 88, 96, 104
ROOT_CACHED_KEYS, ROOT_TYPE_DICT, FREE = 128, 384, 512
FLAG_MAPPINGS, FLAG_COMMANDS, FLAG_FORCE_TYPES = 1, 2, 4

LIB = pathlib.Path(__file__).resolve().parents[2] / "lib"
LAYOUTS = LIB / "layout"
GROUP = 40  # types whose objects are in one seed


class Layout:
    """The fields of one .def file."""

    def __init__(self, index, path):
        text = path.read_text()
        self.index = index
        self.name = path.stem
        self.sizes = {m[1]: int(m[2]) for m in re.finditer(r"^SIZE\((\w+), (\d+)\)", text, re.M)}
        self.fields = {
            (m[1], m[2]): (int(m[3]), int(m[4]), 0, 0)
            for m in re.finditer(r"^AT\((\w+), (\w+), (\d+), (\d+)\)", text, re.M)
        }
        for m in re.finditer(r"^BITS\((\w+), (\w+), (\d+), (\d+), (\d+), (\d+)\)", text, re.M):
            self.fields[m[1], m[2]] = tuple(int(m[i]) for i in range(3, 7))
        self.minor = int(re.match(r"3\.(\d+)", self.name)[1])

    def has(self, structure, field):
        return (structure, field) in self.fields

    def offset(self, structure, field):
        return self.fields[structure, field][0]

    def size(self, structure):
        return self.sizes.get(structure, 0)


def layouts():
    names = re.findall(r'^#include "layout/(.*)"', (LAYOUTS / "layouts.def").read_text(), re.M)
    return [Layout(index, LAYOUTS / name) for index, name in enumerate(names)]


def decoded_types():
    """(tp_name, structure) of every type that has a decoder."""
    found = []
    for path in sorted((LIB / "object").glob("*.c")):
        found += re.findall(r'\.name = "([^"]+)".*?\.structure = STRUCT_(\w+)', path.read_text(), re.S)
    text = (LIB / "object" / "visits.def").read_text()
    found += re.findall(r'^VISITS\(\w+, "([^"]+)", (\w+)', text, re.M)
    return [(name, structure) for names, structure in found for name in names.split("|")]


def type_word(name):
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return TYPE_MARK << 32 | value


class Image:
    """Memory at DATA that grows as objects are laid out in it."""

    def __init__(self, layout, flags):
        self.layout = layout
        self.bytes = bytearray(FREE)
        self.bytes[0], self.bytes[1] = layout.index, flags
        self.objects = []
        self.none = self.object("NoneType", "PyObject")

    def take(self, size):
        address = DATA + len(self.bytes)
        self.bytes += bytes(-(-size // SLOT) * SLOT)
        return address

    def poke(self, address, value, size=8):
        at = address - DATA
        self.bytes[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def poke_bytes(self, address, data):
        self.bytes[address - DATA : address - DATA + len(data)] = data

    def put(self, address, structure, /, **values):
        """Sets fields that the layout has; others are passed over, since versions differ."""
        for field, value in values.items():
            if not self.layout.has(structure, field):
                continue
            offset, size, bit, width = self.layout.fields[structure, field]
            if width:
                at = address - DATA + offset
                unit = int.from_bytes(self.bytes[at : at + size], "little")
                value = unit & ~((1 << width) - 1 << bit) | value << bit
            self.poke(address + offset, value, size)

    def object(self, type_name, structure, more=0, ob_size=None, **values):
        address = self.take(max(self.layout.size(structure), 24) + more)
        self.put(address, "PyObject", ob_refcnt=1, ob_type=type_word(type_name))
        if ob_size is not None:
            self.put(address, "PyVarObject", ob_size=ob_size)
        self.put(address, structure, **values)
        self.objects.append(address)
        return address

    # ---- Objects ----

    def str(self, text, type_name="str"):
        width = 1 if all(ord(c) < 256 for c in text) else 2 if all(ord(c) < 0x10000 for c in text) else 4
        ascii = text.isascii()
        data = {1: text.encode("latin-1", "replace"), 2: text.encode("utf-16-le"), 4: text.encode("utf-32-le")}[width]
        head = self.layout.size("PyASCIIObject" if ascii else "PyCompactUnicodeObject")
        address = self.object(type_name, "PyUnicodeObject", len(data) + width)
        self.put(address, "PyASCIIObject", length=len(text), hash=-1, kind=width, compact=1, ascii=ascii, ready=1)
        self.poke_bytes(address + head, data)
        return address

    def bytes_object(self, data):
        address = self.object("bytes", "PyBytesObject", len(data), len(data))
        self.poke_bytes(address + self.layout.offset("PyBytesObject", "ob_sval"), data)
        return address

    def int(self, value, type_name="int"):
        digits = []
        rest = abs(value)
        while rest:
            digits.append(rest & (1 << 30) - 1)
            rest >>= 30
        sign = 1 if value == 0 else 2 if value < 0 else 0
        address = self.object(type_name, "PyLongObject", 4 * len(digits), -len(digits) if value < 0 else len(digits))
        self.put(address, "PyLongObject", lv_tag=len(digits) << 3 | sign)
        start = address + self.layout.offset("PyLongObject", "ob_digit")
        for i, digit in enumerate(digits):
            self.poke(start + 4 * i, digit, 4)
        return address

    def float(self, value):
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        return self.object("float", "PyFloatObject", ob_fval=bits)

    def words(self, values):
        address = self.take(8 * len(values))
        for i, value in enumerate(values):
            self.poke(address + 8 * i, value)
        return address

    def tuple(self, *items):
        address = self.object("tuple", "PyTupleObject", 8 * len(items), len(items))
        for i, item in enumerate(items):
            self.poke(address + self.layout.offset("PyTupleObject", "ob_item") + 8 * i, item)
        return address

    def list(self, *items, type_name="list"):
        return self.object(type_name, "PyListObject", 16, len(items), ob_item=self.words(items), allocated=len(items))

    def keys(self, pairs, address=None, short=True, split=False):
        """A PyDictKeysObject of eight slots, at most five entries."""
        layout = self.layout
        short = short and layout.has("PyDictUnicodeEntry", "me_key")
        entry = "PyDictUnicodeEntry" if short else "PyDictKeyEntry"
        if address is None:
            address = self.take(layout.size("PyDictKeysObject") + 8 + 5 * layout.size(entry))
        self.put(address, "PyDictKeysObject", dk_refcnt=1, dk_size=8, dk_log2_size=3, dk_log2_index_bytes=3,
                 dk_kind=2 if split else 1 if short else 0, dk_lookup=DATA, dk_usable=5 - len(pairs),
                 dk_nentries=len(pairs))
        indices = address + layout.offset("PyDictKeysObject", "dk_indices")
        self.poke_bytes(indices, bytes(i if i < len(pairs) else 255 for i in range(8)))
        for i, (key, value) in enumerate(pairs):
            self.put(indices + 8 + i * layout.size(entry), entry, me_hash=i, me_key=key, me_value=value)
        return address

    def dict(self, pairs, short=True, type_name="dict", structure="PyDictObject", more=0, at=None, **values):
        keys = self.keys(pairs, short=short)
        address = at or self.object(type_name, structure, more)
        self.put(address, "PyObject", ob_refcnt=1, ob_type=type_word(type_name))
        self.put(address, "PyDictObject", ma_used=len(pairs), ma_keys=keys)
        self.put(address, structure, **values)
        return address

    def values(self, items):
        """Split values, in the form of the version; the order is that of the items."""
        layout = self.layout
        order = bytes(range(len(items)))
        if layout.has("PyDictValues", "capacity"):
            head = layout.offset("PyDictValues", "values")
            address = self.take(head + 8 * len(items) + len(order))
            self.put(address, "PyDictValues", capacity=len(items), size=len(items), embedded=0, valid=1)
            self.poke_bytes(address + head + 8 * len(items), order)
            start = address + head
        elif layout.minor >= 11:
            address = self.take(16 + 8 * len(items)) + 16
            self.poke_bytes(address - 2 - len(order), order[::-1] + bytes([len(items), len(items) + 2]))
            start = address
        else:
            address = start = self.take(8 * len(items))
        for i, item in enumerate(items):
            self.poke(start + 8 * i, item)
        return address

    def instance(self, type_name, structure, names, items):
        """An instance whose attributes are split: the keys are the class's cached ones."""
        layout = self.layout
        self.keys([(name, 0) for name in names], DATA + ROOT_CACHED_KEYS, split=True)
        self.take(SLOT)  # the words before the object
        if layout.minor >= 13:
            address = self.object(type_name, structure, 128)
            inline = address + max(layout.size(structure), 16) + 16
            head = layout.offset("PyDictValues", "values")
            self.put(inline, "PyDictValues", capacity=len(items), size=len(items), embedded=1, valid=1)
            for i, item in enumerate(items):
                self.poke(inline + head + 8 * i, item)
            self.poke_bytes(inline + head + 8 * len(items), bytes(range(len(items))))
            return address
        values = self.values(items)
        if layout.minor >= 11:
            self.take(SLOT)
            address = self.object(type_name, structure, 64)
            self.poke(address - 24 if layout.minor == 12 else address - 32, values - 1 if layout.minor == 12 else values)
            return address
        split = self.object("dict", "PyDictObject", ma_used=len(items), ma_keys=DATA + ROOT_CACHED_KEYS,
                            ma_values=values)
        address = self.object(type_name, structure, 64)
        self.poke(address + max(layout.size(structure), 16), split)
        return address

    def set(self, items, type_name="set"):
        entry = self.layout.size("setentry")
        table = self.take(8 * entry)
        for i, item in enumerate(items):
            self.put(table + 2 * i * entry, "setentry", key=item, hash=i)
        return self.object(type_name, "PySetObject", fill=len(items), used=len(items), mask=7, table=table)

    def code(self, name, variables):
        layout = self.layout
        names = self.tuple(*(self.str(variable) for variable in variables))
        empty = self.tuple()
        if layout.minor >= 11:
            lines = self.bytes_object(bytes([0x80 | 13 << 3 | 3, 2, 0x80 | 0 << 3 | 3, 0x12, 0x80 | 15 << 3]))
        else:
            lines = self.bytes_object(bytes([4, 1, 2, 0xFF, 6, 0x80, 4, 2]))
        address = self.object("code", "PyCodeObject", 64)
        common = dict(co_argcount=1, co_nlocals=len(variables), co_stacksize=2, co_flags=3, co_firstlineno=10,
                      co_name=self.str(name), co_qualname=self.str("C." + name), co_filename=self.str("/nowhere.py"),
                      co_consts=empty, co_names=empty, co_linetable=lines, co_lnotab=lines)
        self.put(address, "PyCodeObject", **common)
        if layout.has("PyCodeObject", "co_code_adaptive"):
            self.put(address, "PyVarObject", ob_size=8)
            self.put(address, "PyCodeObject", co_nlocalsplus=len(variables), co_localsplusnames=names,
                     co_localspluskinds=self.bytes_object(b"\x20" * len(variables)), co_framesize=20)
        else:
            self.put(address, "PyCodeObject", co_code=self.bytes_object(bytes(16)), co_varnames=names,
                     co_cellvars=empty, co_freevars=empty)
        return address

    def frame_fields(self, address, code, dicts, items, previous, owner):
        """Of a _PyInterpreterFrame."""
        self.put(address, "_PyInterpreterFrame", f_code=code, f_executable=code, previous=previous, owner=owner,
                 f_globals=dicts, f_builtins=dicts, f_locals=0, stacktop=len(items), is_entry=1,
                 prev_instr=code + self.layout.offset("PyCodeObject", "co_code_adaptive") + 4,
                 instr_ptr=code + self.layout.offset("PyCodeObject", "co_code_adaptive") + 4)
        slots = address + self.layout.offset("_PyInterpreterFrame", "localsplus")
        for i, item in enumerate(items):
            self.poke(slots + 8 * i, item)

    def frame(self, code, dicts, items, back=0):
        """A frame as a thread has it; what the thread's chain and what a frame object begin with."""
        layout = self.layout
        if layout.has("_PyInterpreterFrame", "localsplus"):
            address = self.take(layout.size("_PyInterpreterFrame") + 8 * len(items) + 16)
            self.frame_fields(address, code, dicts, items, back, 0)
            return address, self.object("frame", "PyFrameObject", 16, f_frame=address)
        address = self.object("frame", "PyFrameObject", 8 * len(items) + 16, f_back=back, f_code=code, f_globals=dicts,
                              f_builtins=dicts, f_lasti=2, f_lineno=12, f_stackdepth=0)
        slots = address + layout.offset("PyFrameObject", "f_localsplus")
        self.put(address, "PyFrameObject", f_valuestack=slots + 8 * len(items), f_stacktop=slots + 8 * len(items))
        for i, item in enumerate(items):
            self.poke(slots + 8 * i, item)
        return address, address

    def generator(self, code, dicts, items):
        name = self.str("generate")
        address = self.object("generator", "PyGenObject", 256, gi_code=code, gi_name=name, gi_qualname=name,
                              gi_frame_state=-1)
        if self.layout.has("PyGenObject", "gi_iframe"):
            self.frame_fields(address + self.layout.offset("PyGenObject", "gi_iframe"), code, dicts, items, 0, 1)
        else:
            frame, _ = self.frame(code, dicts, items)
            self.put(frame, "PyFrameObject", f_gen=address)
            self.put(address, "PyGenObject", gi_frame=frame)
        return address

    def root(self, offset, address):
        self.poke(DATA + offset, address)

    def collect(self, address):
        """Puts the object on the collector's youngest list. The words of a PyGC_Head lie before it."""
        head = address - self.layout.size("PyGC_Head")
        self.put(head, "PyGC_Head", _gc_next=DATA + ROOT_GC, _gc_prev=DATA + ROOT_GC)
        self.root(ROOT_GC, head)


# ---- What is in a seed ----


def scalars(image):
    items = [image.str(""), image.str("it's"), image.str("é\x7f\xad"), image.str("→\u202e"), image.str("😀\U0010ffff"),
             image.int(0), image.int(-1), image.int(10**40), image.float(0.1), image.float(1e300),
             image.bytes_object(b"a'\"\n\xff"), image.int(1, "bool"), image.int(5, "int/0"), image.str("s", "str/2")]
    image.object("complex", "PyComplexObject", cval_real=1, cval_imag=2)
    image.object("bytearray", "PyByteArrayObject", ob_start=items[10], ob_bytes=items[10], ob_alloc=64)
    image.object("range", "rangeobject", start=items[5], stop=items[7], step=items[6], length=items[7])
    image.object("slice", "PySliceObject", start=items[5], stop=image.none, step=items[6])
    image.list(*items)


def sequences(image):
    inner = image.tuple(image.int(1), image.str("x"))
    outer = image.list(inner, image.list(), image.tuple(inner), image.none)
    loop = image.list(outer, image.none)
    items = image.words([loop, outer])
    image.put(loop, "PyListObject", ob_item=items)
    image.list(loop, type_name="list/2")
    image.list(loop, loop, type_name="list/1")
    block = image.take(image.layout.size("BLOCK"))
    image.put(block, "BLOCK", data=outer)
    image.object("collections.deque", "dequeobject", 0, 1, leftblock=block, rightblock=block, leftindex=0,
                 rightindex=1, maxlen=-1)
    image.object("list_iterator", "_PyListIterObject", it_seq=outer)
    image.object("memoryview", "PyMemoryViewObject", 32)
    image.collect(outer)


def mappings(image):
    a, b = image.str("a"), image.str("b")
    inner = image.dict([(a, image.int(1)), (b, 0)])
    outer = image.dict([(image.int(2), inner), (a, image.none)], short=False)
    image.set([a, b, outer])
    image.set([], "frozenset")
    for view in "dict_keys", "dict_values", "dict_items":
        image.object(view, "_PyDictViewObject", dv_dict=outer)
    image.object("mappingproxy", "mappingproxyobject", mapping=inner)
    second = image.take(image.layout.size("_odictnode"))
    first = image.take(image.layout.size("_odictnode"))
    image.put(first, "_odictnode", key=a, hash=0, next=second)
    image.put(second, "_odictnode", key=b, hash=1)
    image.dict([(a, a), (b, b)], type_name="collections.OrderedDict", structure="PyODictObject", od_first=first,
               od_last=second)
    image.dict([(a, outer)], type_name="collections.defaultdict", structure="defdictobject",
               default_factory=image.none)
    image.dict([(a, outer)], type_name="dict/2", more=64)


def instances(image):
    names = [image.str("a"), image.str("b")]
    instance = image.instance("object/0", "PyObject", names, [image.int(1), image.none])
    module = image.str("__main__")
    image.dict([(image.str("__module__"), module), (names[0], instance)], at=DATA + ROOT_TYPE_DICT)
    slots = image.object("object/1", "PyObject", 32)
    image.poke(slots + 16, instance)
    image.object("weakref", "PyWeakReference", wr_object=instance)
    image.object("cell", "PyCellObject", ob_ref=slots)
    image.object("BaseException", "PyBaseExceptionObject", args=image.tuple(names[0]), dict=0)
    image.object("OSError", "PyOSErrorObject", args=image.tuple(), myerrno=image.int(2), strerror=names[1])
    image.object("types.SimpleNamespace", "_PyNamespaceObject",
                 ns_dict=image.dict([(names[0], slots)]))
    image.object("object/2", "PyObject", 64)


def frames(image):
    a, b = image.str("a"), image.str("b")
    dicts = image.dict([(a, image.int(7)), (b, image.list())])
    code = image.code("f", ["a", "b"])
    older, _ = image.frame(code, dicts, [image.int(1), 0])
    newest, frame = image.frame(code, dicts, [image.list(a), image.tuple(b)], older)
    if image.layout.has("PyThreadState", "cframe"):
        cframe = image.take(SLOT)
        image.put(cframe, "_PyCFrame", current_frame=newest)
        newest = cframe
    image.root(ROOT_FRAME, newest)
    thread = image.object("types.SimpleNamespace", "_PyNamespaceObject",
                          ns_dict=image.dict([(image.str("_name"), image.str("MainThread"))]))
    active = image.dict([(image.int(7), thread)], short=False)
    threading = image.object("module", "PyModuleObject", md_dict=image.dict([(image.str("_active"), active)]))
    image.root(ROOT_MODULES, image.dict([(image.str("threading"), threading)]))
    image.root(ROOT_BUILTINS, dicts)
    image.object("function", "PyFunctionObject", func_code=code, func_name=a, func_qualname=b, func_globals=dicts,
                 func_builtins=dicts, func_defaults=image.tuple(a), func_doc=image.none)
    image.object("method", "PyMethodObject", im_func=frame, im_self=a)
    image.object("module", "PyModuleObject", md_dict=dicts, md_name=a)
    image.generator(code, dicts, [a, b])
    image.object("traceback", "PyTracebackObject", tb_frame=frame, tb_lasti=2, tb_lineno=11)


def corrupt(image):
    """Counts and pointers that no honest object has."""
    huge = 1 << 62
    image.object("list", "PyListObject", 0, huge, ob_item=DATA, allocated=huge)
    image.object("tuple", "PyTupleObject", 64, 1 << 40)
    image.object("int", "PyLongObject", lv_tag=1 << 50)
    text = image.str("x" * 8)
    image.put(text, "PyASCIIObject", length=huge)
    keys = image.keys([(text, text)])
    image.put(keys, "PyDictKeysObject", dk_log2_size=47, dk_size=1 << 47, dk_nentries=1 << 46, dk_usable=0)
    image.object("dict", "PyDictObject", ma_used=1 << 46, ma_keys=keys)
    image.object("set", "PySetObject", mask=(1 << 60) - 1, used=5, table=DATA)
    image.object("collections.deque", "dequeobject", leftblock=DATA + 512, leftindex=63)
    image.object("type", "PyHeapTypeObject")
    code = image.code("f", ["a"])
    image.put(code, "PyCodeObject", co_nlocals=1 << 30, co_nlocalsplus=1 << 30, co_stacksize=1 << 30)
    frame, _ = image.frame(code, DATA, [DATA])
    image.put(frame, "_PyInterpreterFrame", previous=frame)
    image.put(frame, "PyFrameObject", f_back=frame)
    image.root(ROOT_FRAME, frame)
    image.generator(code, 3, [5])


def others(image, types):
    """An object of each type, its words all pointers to objects and its other fields 1."""
    a = image.str("a")
    pair = image.tuple(a, image.int(3))
    targets = [pair, a, image.dict([(a, pair)]), image.none, image.list(a, pair), pair]
    for number, (name, structure) in enumerate(types):
        fields = [field for owner, field in image.layout.fields if owner == structure]
        values = {}
        for place, field in enumerate(fields):
            size = image.layout.fields[structure, field][1]
            values[field] = targets[(number + place) % len(targets)] if size == 8 else 1
        if values:
            address = image.object(name, "PyObject", image.layout.size(structure))
            values.pop("ob_base", None)
            image.put(address, "PyVarObject", ob_size=2)
            image.put(address, structure, **values)
            image.put(address, "PyObject", ob_refcnt=1, ob_type=type_word(name))


SEEDS = [scalars, sequences, mappings, instances, frames, corrupt]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    types = decoded_types()
    for layout in layouts():
        makers = [(make.__name__, make) for make in SEEDS]
        if layout.name.count(".") == 1:  # of a series, not of some of its releases
            makers += [(f"others{at // GROUP}", lambda image, at=at: others(image, types[at : at + GROUP]))
                       for at in range(0, len(types), GROUP)]
        for index, (name, make) in enumerate(makers):
            image = Image(layout, 0)
            make(image)
            everything = image.list(*image.objects)
            image.root(ROOT_SYSDICT, image.dict([(image.str("a"), everything)]))
            for flags in (index % 2 * FLAG_MAPPINGS, FLAG_COMMANDS | FLAG_MAPPINGS):
                image.bytes[1] = flags
                (folder / f"{layout.name}-{name}-{flags}").write_bytes(image.bytes)


if __name__ == "__main__":
    main()
