"""Of a truth file: that each object it tells of is in the core, of the type that it says. Reads ob_type and nothing
else, with no help of cpeek."""
import bisect
import json
import mmap
import struct

PT_LOAD = 1


class Words:
    """The saved memory of a 64-bit little-endian core."""
    def __init__(self, path):
        with open(path, 'rb') as f:
            self.data = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        start, = struct.unpack_from('<Q', self.data, 32)
        count, = struct.unpack_from('<H', self.data, 56)
        self.segments = []
        for i in range(count):
            kind, flags, offset, vaddr, paddr, filesz = struct.unpack_from('<IIQQQQ', self.data, start + 56 * i)
            if kind == PT_LOAD and filesz:
                self.segments.append((vaddr, offset, filesz))
        self.segments.sort()
        self.starts = [s[0] for s in self.segments]

    def word(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        if i >= 0:
            vaddr, offset, filesz = self.segments[i]
            if address + 8 <= vaddr + filesz:
                return struct.unpack_from('<Q', self.data, offset + address - vaddr)[0]
        return None


def find(core, lines):
    """[(address, type, what is wrong)]: empty when the truth is that of the core."""
    words = Words(core)
    kinds = {}
    for line in lines:
        if line.startswith('{"address"'):
            record = json.loads(line)
            kinds[int(record['address'], 16)] = record['type']
    wrong, names = [], {}
    for address, kind in kinds.items():
        ob_type = words.word(address + 8)
        if ob_type not in kinds:
            wrong.append((hex(address), kind, 'no type at ob_type: %s' % ob_type))
        elif names.setdefault(ob_type, kind) != kind:
            wrong.append((hex(address), kind, 'in the core it is %s' % names[ob_type]))
    if not kinds:
        wrong.append((None, None, 'there is no object'))
    return wrong
