"""cpeek's answers against a truth file, value by value. Knows nothing of pytest and nothing of CPython's layouts."""
import collections
import json

UNNAMED = '<not saved: '                # what stands for the name of a type that is in no memory and no file
KEEP = 8                                # samples of each kind of difference


class Result:
    def __init__(self):
        self.objects = 0                # of the truth
        self.full = 0                   # every field equal
        self.compared = collections.Counter()       # values compared, by field
        self.incomplete = 0             # cpeek says that it does not know, or has cut
        self.missing = 0                # cpeek does not list it
        self.wrong = collections.Counter()          # by (field, type)
        self.extra = 0                  # listed by cpeek, not reached by the truth
        self.samples = collections.defaultdict(list)
        self.frames = self.locals = 0

    def note(self, kind, key, text):
        if len(self.samples[kind, key]) < KEEP:
            self.samples[kind, key].append(text)

    def check(self, field, key, expected, actual):
        self.compared[field] += 1
        if expected != actual:
            self.wrong_value(field, key, 'CPython %r, cpeek %r' % (expected, actual))

    def add(self, other):
        for name in ('objects', 'full', 'incomplete', 'missing', 'extra', 'frames', 'locals'):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.compared.update(other.compared)
        self.wrong.update(other.wrong)

    def wrong_value(self, field, key, text):
        self.wrong[field, key] += 1
        self.note('wrong ' + field, key, text)

    @property
    def agreement(self):
        return self.full / self.objects if self.objects else 0.0

    def explain(self, limit=40):
        lines = ['%d objects, %d in full agreement (%.3f %%), %d incomplete, %d missing, %d wrong values' % (
            self.objects, self.full, 100 * self.agreement, self.incomplete, self.missing, sum(self.wrong.values()))]
        for (field, key), n in self.wrong.most_common(limit):
            lines.append('  wrong %s of %s: %d' % (field, key, n))
        for (kind, key), texts in list(self.samples.items())[:limit]:
            lines.append('  %s, %s:' % (kind, key))
            lines += ['    ' + _short(t) for t in texts[:3]]
        return '\n'.join(lines)


def _short(text, limit=400):
    text = text.encode('utf-8', 'backslashreplace').decode()
    text = ''.join(c if c.isprintable() else '\\x%02x' % ord(c) for c in text)
    return text if len(text) <= limit else text[:limit] + '…'


def difference(expected, actual):
    """Where two long texts part."""
    n = 0
    for a, b in zip(expected, actual):
        if a != b:
            break
        n += 1
    n = max(0, n - 30)
    return 'CPython %r, cpeek %r%s' % (expected[n:n + 150], actual[n:n + 150], ' (from character %d)' % n if n else '')


def compare_value(truth, said, result, where):
    """type and repr of one value; True when both agree. said: cpeek's record."""
    kind = truth['type']
    ok = True
    result.compared['type'] += 1
    if (said.get('type') or '').startswith(UNNAMED):
        result.incomplete += 1
        result.note('incomplete type', kind, where)
        ok = False
    elif said.get('type') != kind:
        result.wrong_value('type', kind, '%s: cpeek says %r' % (where, said.get('type')))
        ok = False
    if 'repr' in truth:
        text = said.get('repr')
        result.compared['repr'] += 1
        if text == truth['repr']:
            pass
        elif text is None or said.get('truncated') or said.get('partial'):
            result.incomplete += 1
            result.note('incomplete repr', kind, '%s: %s %s' % (where, difference(truth['repr'], text or ''),
                                                                said.get('error')))
            ok = False
        else:
            result.wrong_value('repr', kind, '%s: %s' % (where, difference(truth['repr'], text)))
            ok = False
    return ok


def compare_object(truth, said, result):
    where = truth['address']
    ok = compare_value(truth, said, result, where)
    kind = truth['type']
    if truth['size'] is not None:
        result.compared['size'] += 1
        if said.get('size') is None:
            result.incomplete += 1
            result.note('no size', kind, where)
            ok = False
        elif said['size'] != truth['size']:
            result.wrong_value('size', kind, '%s: CPython %s, cpeek %s' % (where, truth['size'], said['size']))
            ok = False
    result.compared['tracked'] += 1
    if said.get('tracked') is not truth['tracked']:
        result.wrong_value('tracked', kind, '%s: cpeek says %r' % (where, said.get('tracked')))
        ok = False
    result.compared['referents'] += 1
    if said.get('referents') is None:
        result.incomplete += 1
        result.note('no referents', kind, where)
        ok = False
    elif said['referents'] != truth['referents'] and sorted(said['referents']) != sorted(truth['referents']):
        expected, actual = collections.Counter(truth['referents']), collections.Counter(said['referents'])
        lacking, surplus = list((expected - actual).elements()), list((actual - expected).elements())
        if said.get('partial') and not surplus:
            result.incomplete += 1
            result.note('incomplete referents', kind, where)
            return False
        result.wrong_value('referents', kind, '%s: of %d lacks %s, has %s too many' % (
            where, len(truth['referents']), lacking[:5], surplus[:5]))
        ok = False
    return ok


def read_truth(lines):
    """({address: record}, threads, meta) of a truth file's lines; it must be whole."""
    objects, threads, meta, end = {}, None, None, None
    for line in lines:
        record = json.loads(line)
        if 'address' in record:
            objects[record['address']] = record
        elif 'threads' in record:
            threads = record['threads']
        elif 'meta' in record:
            meta = record['meta']
        else:
            end = record['end']
    if end is None or end != len(objects) or threads is None:
        raise ValueError('the truth file is not whole: %r of %r objects' % (len(objects), end))
    return objects, threads, meta


def compare_objects(truth, lines, result):
    """truth: {address: record}, used up; lines: those of `objects --json --referents --repr`."""
    result.objects += len(truth)
    seen = set()
    for line in lines:
        said = json.loads(line)
        address = said['address']
        if address in seen:
            result.wrong_value('address', said.get('type'), '%s is listed twice' % address)
            continue
        seen.add(address)
        expected = truth.pop(address, None)
        if expected is None:
            result.extra += 1
        elif compare_object(expected, said, result):
            result.full += 1
    result.missing += len(truth)
    for address, expected in truth.items():
        result.note('missing', expected['type'], '%s %s' % (address, expected.get('repr')))


def compare_threads(truth, said, result):
    """truth: the truth file's threads; said: those of `bt --all --locals --full --json`."""
    by_id = {t['thread_id']: t for t in said}
    if sorted(by_id) != sorted(t['thread_id'] for t in truth) or len(by_id) != len(said):
        result.wrong_value('threads', '', 'CPython has %s, cpeek %s' % (
            sorted(t['thread_id'] for t in truth), sorted(t['thread_id'] for t in said)))
    for expected in truth:
        actual = by_id.get(expected['thread_id'])
        if actual is None:
            continue
        for field in ('native_id', 'name'):
            if expected[field] is not None:
                result.check('thread ' + field, '', expected[field], actual.get(field))
        where = expected['name'] or 'main'
        if len(actual['frames']) != len(expected['frames']):
            result.wrong_value('frames', where, 'CPython has %s, cpeek %s' % (
                [f['function'] for f in expected['frames']], [f['function'] for f in actual['frames']]))
        for e, a in zip(expected['frames'], actual['frames']):
            compare_frame(e, a, result, '%s/%s' % (where, e['function']))


def compare_frame(expected, actual, result, where):
    result.frames += 1
    for field in ('function', 'qualname', 'file', 'line'):
        if field in expected:
            result.check(field, where, expected[field], actual.get(field))
    position = expected.get('position')
    if position and None not in position:
        result.check('position', where, position,
                     [actual.get(k) for k in ('line', 'end_line', 'column', 'end_column')])
    if expected['kind'] == 'globals':
        return                          # these are compared as objects
    names = actual.get('locals', {})
    if sorted(names) != sorted(expected['locals']):
        result.wrong_value('locals', where, 'CPython %s, cpeek %s' % (sorted(expected['locals']), sorted(names)))
    for name, value in expected['locals'].items():
        if name not in names:
            continue
        result.locals += 1
        result.check('local', '%s: %s' % (where, name), value['address'], names[name].get('address'))
        compare_value(value, names[name], result, '%s: %s' % (where, name))
