"""For tools/mkfingerprints: makes one object of every type that C code has, writes down where the types are, and aborts.

    python3.X tools/fingerprint-types.py FILE       leaves a core, and the address of each type in FILE, a line each

Runs under every CPython that cpeek knows, 3.6 and later. What a version or a build does not have is left out.
"""
import importlib
import os
import sys
import warnings

# Expressions, one a line: each makes an object of a type of its own, or names such a type.
OBJECTS = r'''
iter([])  reversed([])  iter(())  iter("")  iter("\xe9\u0100")  iter(b"")  iter(bytearray())  iter(set())
iter({})  iter({}.values())  iter({}.items())  {}.keys()  {}.values()  {}.items()
reversed({})  reversed({1:2}.values())  reversed({}.items())
iter(range(3))  iter(range(10**30))  reversed(range(3))  iter(memoryview(b""))  reversed("a")  iter(int,1)  iter(Items())
enumerate(())  zip()  map(int,())  filter(None,())  super(Items,Items())  slice(1)  property()  staticmethod(len)
generator()  coroutine()  asyncgen()  asyncgen().__anext__()  asyncgen().asend(None)  asyncgen().athrow(ValueError)
asyncgen().aclose()  coroutine().__await__()  anext(asyncgen(),1)  types.coroutine(generator)()
sys._getframe()  sys._getframe().f_locals  sys.flags  sys.float_info  sys.hash_info  sys.thread_info  sys.version_info
sys.int_info  sys.implementation  sys.get_asyncgen_hooks()  sys.monitoring  Items.method  Items().method  Slots.a
list[int]  iter(list[int])  int|str  type.__dict__  dict.__dict__["fromkeys"]  type.__dict__["__mro__"]  (1).__add__
contextvars.copy_context()  contextvars.ContextVar("x")  contextvars.ContextVar("y").set(1)
iter(contextvars.copy_context())  contextvars.copy_context().keys()  contextvars.copy_context().values()
contextvars.copy_context().items()  (lambda:None).__code__.co_lines()  (lambda:None).__code__.co_positions()
_string.formatter_parser("a{b}")  _string.formatter_field_name_split("a.b")[1]
collections.deque()  iter(collections.deque())  reversed(collections.deque())  collections.OrderedDict()
iter(collections.OrderedDict())  collections.OrderedDict().keys()  collections.OrderedDict().items()
collections.OrderedDict().values()  collections.defaultdict()  itertools.chain()  itertools.tee(())
itertools.groupby((1,))  next(itertools.groupby((1,)))  itertools.count()  itertools.cycle(())  functools.partial(len)
functools.lru_cache()(len)  functools.cmp_to_key(len)  functools.cmp_to_key(len)(1)  operator.itemgetter(1)
re.compile("a")  re.match("a","a")  re.compile("a").scanner("a")  io.BytesIO()  io.BytesIO().getbuffer()  io.StringIO()
array.array("i")  iter(array.array("i"))  struct.Struct("i")  struct.iter_unpack("i",b"")  weakref.ref(Items)
weakref.proxy(Items)  weakref.proxy(generator)  threading.Lock()  threading.RLock()  threading.local()
os.stat("/")  os.statvfs("/")  os.times()  os.uname()  os.scandir("/")  next(os.scandir("/"))  os.sched_param(1)
time.localtime()  pwd.getpwuid(0)  grp.getgrgid(0)  resource.getrusage(0)  unicodedata.ucd_3_2_0
types.SimpleNamespace()  json.JSONDecoder().scan_once  json.encoder.c_make_encoder  csv.reader([])  mmap.mmap(-1,4096)
_elementtree.Element("a").iter()  pyexpat.ParserCreate()  select.poll()  select.epoll()  zlib.compressobj()
zlib.decompressobj()  hashlib.md5()  hashlib.sha3_256()  _md5.md5()  _sha1.sha1()  _sha256.sha256()  _sha512.sha512()
_sha2.sha256()  _blake2.blake2b()  random.Random()  pickle.Pickler(io.BytesIO()).memo
pickle.Unpickler(io.BytesIO()).memo  decimal.Context().flags  sqlite3.connect(":memory:").cursor()
_queue.SimpleQueue()  codecs.getincrementaldecoder("gb2312")()  codecs.getincrementalencoder("gb2312")()
ctypes.c_int(1)  ctypes.CDLL(None).abs  _interpreters.create()  t"{1}"
'''
LEFT_OUT = ('_tkinter', 'readline', 'antigravity', 'this')


class Slots:
    __slots__ = ('a',)


class Items:
    def __getitem__(self, index):
        raise IndexError

    def method(self):
        pass


def generator():
    yield


async def coroutine():
    pass


async def asyncgen():
    yield 1


def modules():
    names = set(sys.builtin_module_names) | {'types', 'collections', 'itertools', 'functools', 'operator', 'contextvars', 'io',
                                             're', 'array', 'struct', 'weakref', 'threading', 'json', 'asyncio', 'typing',
                                             'sqlite3', 'ctypes', 'decimal', 'zoneinfo', 'csv', 'mmap', 'hashlib', 'random',
                                             'pickle', 'codecs', 'resource', 'select', 'zlib', 'unicodedata', 'pyexpat'}
    for folder in sys.path:
        if folder.endswith('lib-dynload') and os.path.isdir(folder):
            names |= {name.split('.')[0] for name in os.listdir(folder) if name.endswith('.so')}
    return sorted(name for name in names if name not in LEFT_OUT and 'xx' not in name and not name.startswith('_test'))


def main():
    warnings.simplefilter('ignore')
    known = dict(globals())
    for name in modules():
        try:
            known[name] = importlib.import_module(name)
        except Exception:
            pass                        # not in this build
    kept, types = [], {}
    for expression in OBJECTS.replace('\n', '  ').split('  '):
        try:
            kept.append(eval(expression, known))
        except Exception:
            pass                        # not in this version
    waiting = [object] + [kind for value in kept for kind in (type(value), type(type(value)))]
    while waiting:
        kind = waiting.pop()
        if id(kind) not in types:
            types[id(kind)] = kind
            waiting += type.__subclasses__(kind)
    with open(sys.argv[1], 'w') as file:
        file.write(''.join('%x\n' % address for address in types))
    os.abort()


main()
