"""What `print` shows of objects beside their reprs: the fields of C structures, compared with what the same program knows."""
import os

# Paths into what fixtures/programs/extensions.py holds, and what CPython says of each.
PATHS = {
    'functional.small.hits': '1', 'functional.small.misses': '6', 'functional.small.maxsize': '3',
    'functional.small.currsize': '3', 'functional.unbounded.maxsize': 'None', 'functional.unbounded.currsize': '5',
    'functional.typed.typed': 'True', 'functional.typed.misses': '3',
    'sockets.listening.family': '2', 'sockets.listening.type': '1', 'sockets.closed.fd': '-1',
    'sockets.a.timeout': '2.5', 'sockets.listening.timeout': 'None', 'sockets.datagrams.timeout': '0.0',
    'sockets.datagrams.family': '10', 'sockets.datagrams.proto': '17',
    'streams.raw.closefd': 'True', 'streams.raw.writable': 'True', 'streams.closed.raw.fd': '-1',
    'streams.writer.buffer_size': '100', 'streams.writer.unwritten': "b'pending'", 'streams.reader.buffer_size': '64',
    'streams.text.encoding': "'latin-1'", 'streams.text.decoded_used': '1', 'streams.memory.position': '7',
    'streams.memory.size': '300', 'streams.wrapped.line_buffering': 'True',
    'streams.wrapped.buffer.size': '0', 'streams.shut_text.closed': 'True',
    'expressions.pattern.groups': '3', 'expressions.pattern.groupindex': "{'a': 1, 'b': 3}",
    'expressions.scanner.pattern.flags': '42',
    'trees.root.tag': "'root'", 'trees.root.children': '8', 'trees.root.attrib': "{'a': 'b', 'c': 'd'}",
    'trees.alone.children': None, 'trees.expat.ordered_attributes': 'True',
    'databases.pending.rowcount': '-1',
    'databases.closed_connection.db': 'None', 'databases.memory.check_same_thread': 'False',
    'databases.on_disk.text_factory': "<class 'bytes'>", 'databases.row.data': "(0, '0', b'')",
    'secure.context.check_hostname': 'True', 'secure.server.check_hostname': 'False',
    'secure.unverified.alpn_protocols': "b'\\x02h2\\x08http/1.1'",
    'foreign.big_number.size': '4', 'foreign.resized.size': '200',
    'functional.p.note': '1',
}
SINCE = {'databases.closed_connection.db': (3, 7), 'secure.context.check_hostname': (3, 7)}


def expression(path):
    module, name, *rest = path.split('.')
    return '__main__.held["%s"]["%s"]' % (module, name) + ''.join('.' + r for r in rest)


def test_attributes(cpeek, core_of, shared):
    folder = core_of(shared, 'extensions')
    target = shared.core_options() + [os.path.join(folder, 'core')]
    wrong = []
    for path, expected in PATHS.items():
        if shared.minor < SINCE.get(path, (3, 6)):
            continue
        done = cpeek.run(*target, 'print', expression(path))
        said = done.stdout.decode().rstrip('\n')
        if expected is None:
            if done.returncode == 0:
                wrong.append((path, 'has none', said))
        elif not (said == expected or said.startswith(expected + ' {')) or done.returncode:
            wrong.append((path, expected, said, done.stderr.decode()))
    assert wrong == []


def test_json(cpeek, core_of, shared):
    folder = core_of(shared, 'extensions')
    target = shared.core_options() + [os.path.join(folder, 'core')]
    said = cpeek.json(*target, 'print', expression('functional.small'))
    attributes = said['attributes']
    assert {n: (attributes[n]['type'], attributes[n]['repr']) for n in ('hits', 'maxsize', 'typed')} == {
        'hits': ('int', '1'), 'maxsize': ('int', '3'), 'typed': ('bool', 'False')}
    assert attributes['cache']['type'] == 'dict' and attributes['cache']['address'].startswith('0x')
    said = cpeek.json(*target, 'print', expression('functional.small.hits'))
    assert said == {'type': 'int', 'repr': '1'}


def test_no_object(cpeek, core_of, shared):
    """A command that needs an object says that a field is none."""
    folder = core_of(shared, 'extensions')
    done = cpeek.run(*shared.core_options(), os.path.join(folder, 'core'), 'dissect', expression('functional.small.hits'))
    assert (done.returncode, done.stdout) == (2, b'') and b'hits is no object' in done.stderr
