"""Many commands on one core: through the library, in this process, where that can be loaded."""
import json
import os
import sys

import cores
from committed import BUILD, CPEEK

sys.path.insert(0, os.path.join(cores.ROOT, 'plugin'))
STRIDE = 12     # of what is asked when each answer needs a process of its own


def is_sanitized():
    """A library with AddressSanitizer cannot be loaded into a Python without."""
    with open(CPEEK, 'rb') as f:
        return b'__asan' in f.read()


class Asking:
    """with Asking(cpeek, core, options) as asking: asking.json('print 0x…')"""
    def __init__(self, cpeek, core, options=()):
        self.cpeek, self.core, self.options = cpeek, str(core), list(options)
        self.session, self.partial = None, False
        if not is_sanitized():
            os.environ['CPEEK_LIBRARY'] = os.path.join(BUILD, 'lib', 'libcpeek.so.0')
            import cpeek as library
            named = dict(zip(self.options[::2], self.options[1::2]))
            assert set(named) <= {'--sysroot', '--exe'}
            self.session = library.Session(core=self.core, sysroot=named.get('--sysroot'), exe=named.get('--exe'))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.session:
            self.session.close()

    def some(self, records):
        """All of them, or every STRIDE-th where each costs a process."""
        return records if self.session else records[::STRIDE] + records[-1:]

    def json(self, line):
        if self.session:
            answer = self.session.run(line, json=True)
            self.partial = self.session.partial
            return answer
        done = self.cpeek.run(*self.options, self.core, *line.split(' ', 1), '--json')
        assert done.returncode in (0, 1), done.stderr
        self.partial = done.returncode == 1
        return json.loads(done.stdout.decode('utf-8'))

    def text(self, line):
        if self.session:
            answer = self.session.run(line)
            self.partial = self.session.partial
            return answer
        done = self.cpeek.run(*self.options, self.core, *line.split(' '))
        assert done.returncode in (0, 1), done.stderr
        self.partial = done.returncode == 1
        return done.stdout.decode('utf-8')

    def parts(self, line):
        """The facts of the answer as one dict, and its tables by title, as lists of rows."""
        facts, tables = {}, {}
        for part in self.json(line)['parts']:
            if part['kind'] == 'facts':
                facts.update(part['facts'])
            elif part['kind'] == 'table':
                assert 'truncated' not in part
                tables[part['title']] = part['rows']
            elif part['kind'] in ('note', 'problem'):
                facts.setdefault(part['kind'], []).append(part['text'])
        return facts, tables


def read_truth(folder, kind):
    with open(os.path.join(str(folder), 'truth.jsonl')) as f:
        return [record for record in map(json.loads, f) if record.get('kind') == kind]
