"""Of a truth file: that each object it tells of is in the core, of the type that it says. Reads ob_type and nothing
else, with no help of cpeek."""
import bisect
import json
import mmap
import struct

PT_LOAD = 1


class Words:
    """The saved memory of a core, by words of the target."""
    def __init__(self, path):
        with open(path, 'rb') as f:
            self.data = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        order = '>' if self.data[5] == 2 else '<'
        wide = self.data[4] == 2
        self.size, self.format = (8, order + 'Q') if wide else (4, order + 'I')
        header, place = ('IIQQQQ', 32) if wide else ('IIIII', 28)
        start, = struct.unpack_from(self.format, self.data, place)
        size, count = struct.unpack_from(order + 'HH', self.data, 54 if wide else 42)
        self.segments = []
        for i in range(count):
            fields = struct.unpack_from(order + header, self.data, start + size * i)
            kind, offset, vaddr, filesz = (fields[0], fields[2], fields[3], fields[5]) if wide else (
                fields[0], fields[1], fields[2], fields[4])
            if kind == PT_LOAD and filesz:
                self.segments.append((vaddr, offset, filesz))
        self.segments.sort()
        self.starts = [s[0] for s in self.segments]

    def word(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        if i >= 0:
            vaddr, offset, filesz = self.segments[i]
            if address + self.size <= vaddr + filesz:
                return struct.unpack_from(self.format, self.data, offset + address - vaddr)[0]
        return None


def place_of_type(meta, size):
    """Where ob_type stands: behind ob_refcnt; two links come before that up to 3.7 in debug builds, and free-threaded
    builds keep a thread's id, a lock and two counts there. Include/object.h, 3.6, 3.7 and 3.13."""
    if 't' in meta['flags']:
        return size + 8 + size
    return size + (2 * size if 'd' in meta['flags'] and meta['hexversion'] < 0x03080000 else 0)


def find(core, lines):
    """[(address, type, what is wrong)]: empty when the truth is that of the core."""
    words = Words(core)
    kinds = {}
    place = None
    for line in lines:
        if line.startswith('{"meta"'):
            place = place_of_type(json.loads(line)['meta'], words.size)
        if line.startswith('{"address"'):
            record = json.loads(line)
            kinds[int(record['address'], 16)] = record['type']
    wrong, names = [], {}
    for address, kind in kinds.items():
        ob_type = words.word(address + place)
        if ob_type not in kinds:
            wrong.append((hex(address), kind, 'no type at ob_type: %s' % ob_type))
        elif names.setdefault(ob_type, kind) != kind:
            wrong.append((hex(address), kind, 'in the core it is %s' % names[ob_type]))
    if not kinds:
        wrong.append((None, None, 'there is no object'))
    return wrong
