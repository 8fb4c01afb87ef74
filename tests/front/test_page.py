"""`dissect --html`: the page is well formed, whole in itself, shows the bytes that JSON does, and is drawn as meant in Chromium."""
import html.parser
import json
import lzma
import os
import re
import shutil
import subprocess
import tarfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPEEK = os.environ.get('CPEEK') or os.path.join(os.environ.get('CPEEK_BUILD', os.path.join(ROOT, 'build')), 'plugin', 'cpeek')
LESSON = os.path.join(ROOT, 'fixtures', 'lesson')
EXPRESSIONS = ['googol', 'tea', 'numbers', 'stock', 'primes', 'point', 'pixel', 'seen', 'counter', 'missing', 'total', 'Point']
VOID = {'meta'}                 # elements without an end

# Run behind the page: what does not stand as it should.
MEASURE = '''<script>
const wrong = [];
const svg = document.querySelector("svg"), view = svg.viewBox.baseVal, all = svg.getBBox();
if (all.x < 0 || all.y < 0 || all.x + all.width > view.width || all.y + all.height > view.height)
  wrong.push("the drawing is larger than its view");
const boxes = [...svg.querySelectorAll("rect.box")].map(b => b.getBBox());
const inside = (t, b) => t.x >= b.x - 1 && t.x + t.width <= b.x + b.width + 1 && t.y >= b.y - 1 &&
                         t.y + t.height <= b.y + b.height + 1;
for (const text of svg.querySelectorAll(".byte, .name"))
  if (!boxes.some(b => inside(text.getBBox(), b))) wrong.push("outside of every box: " + text.textContent);
for (let i = 0; i < boxes.length; i++)
  for (let j = 0; j < i; j++)
    if (boxes[i].x < boxes[j].x + boxes[j].width && boxes[j].x < boxes[i].x + boxes[i].width &&
        boxes[i].y < boxes[j].y + boxes[j].height && boxes[j].y < boxes[i].y + boxes[i].height)
      wrong.push("boxes overlap: " + i + " " + j);
const labels = [...svg.querySelectorAll(".label, .cut")].map(l => l.getBBox());
for (let i = 1; i < labels.length; i++)
  if (labels[i].y < labels[i - 1].y + labels[i - 1].height - 2 && labels[i].y > labels[i - 1].y - 1)
    wrong.push("labels overlap: " + i);
const titles = [...svg.querySelectorAll(".title")].map(t => t.getBBox());
for (const arrow of svg.querySelectorAll(".arrow")) {
  const end = arrow.getPointAtLength(arrow.getTotalLength());
  if (!titles.some(t => Math.abs(t.x - end.x) < 12 && end.y > t.y - 4 && end.y < t.y + t.height + 4))
    wrong.push("an arrow leads to no title");
}
if (document.documentElement.scrollWidth > innerWidth) wrong.push("wider than the window");
document.body.dataset.wrong = JSON.stringify(wrong);
document.body.dataset.arrows = svg.querySelectorAll(".arrow").length;
</script>'''


class Checker(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.bytes, self.seen = [], [], set()

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        assert not {name for name, _ in attributes} & {'src', 'href', 'onload'}
        if tag not in VOID:
            self.open.append((tag, dict(attributes).get('class')))

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == ('text', 'byte'):
            self.bytes.append(data)


@pytest.fixture(scope='module')
def lesson(tmp_path_factory):
    folder = tmp_path_factory.mktemp('lesson')
    with open(os.path.join(LESSON, 'core.xz'), 'rb') as f:
        (folder / 'core').write_bytes(lzma.decompress(f.read()))
    with tarfile.open(os.path.join(LESSON, 'root.tar.xz')) as archive:
        archive.extractall(str(folder / 'root'))
    return folder


def draw(lesson, expression, path):
    done = subprocess.run([CPEEK, '--json', '--sysroot', str(lesson / 'root'), str(lesson / 'core'), 'dissect', '--html', str(path),
                           expression], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.decode('utf-8'))


def short_rows(answer):
    """The bytes of every field that the page shows whole."""
    for part in answer['parts']:
        if part['kind'] == 'block':
            before = None
            for field in part['fields']:
                if field['size'] <= 64 and before != (field['offset'], field['size']):      # bits of one word have one box
                    yield [field['bytes'][i:i + 2] for i in range(0, len(field['bytes']), 2)]
                before = field['offset'], field['size']


@pytest.mark.parametrize('expression', EXPRESSIONS)
def test_page(lesson, tmp_path, expression):
    page = tmp_path / 'page.html'
    answer = draw(lesson, expression, page)
    assert answer['html'] == str(page)
    text = page.read_text(encoding='utf-8')
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert not checker.open and 'svg' in checker.seen and 'script' not in checker.seen
    assert not re.search(r'https?:|@import|url\((?!#head)', text)
    shown = ' '.join(checker.bytes)
    for row in short_rows(answer):
        assert ' '.join(row) in shown


def test_page_that_cannot_be_written(lesson, tmp_path):
    done = subprocess.run([CPEEK, '--sysroot', str(lesson / 'root'), str(lesson / 'core'), 'dissect', '--html',
                           str(tmp_path / 'none' / 'page.html'), 'seven'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 3 and b'none/page.html' in done.stderr and b'No such file' in done.stderr


@pytest.mark.skipif(not shutil.which('chromium'), reason='there is no chromium here (Ubuntu has it as a snap only)')
@pytest.mark.parametrize('expression', ['stock', 'numbers', 'primes'])
def test_page_in_chromium(lesson, tmp_path, expression):
    page = tmp_path / 'page.html'
    draw(lesson, expression, page)
    with open(str(page), 'a', encoding='utf-8') as f:
        f.write(MEASURE)
    done = subprocess.run(['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--window-size=1300,900',
                           '--user-data-dir=%s' % (tmp_path / 'profile'), '--dump-dom', page.as_uri()],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    dom = done.stdout.decode('utf-8')
    wrong = re.search(r'data-wrong="([^"]*)"', dom)
    assert wrong and wrong.group(1) == '[]', (wrong and wrong.group(1)) or done.stderr.decode()
    assert int(re.search(r'data-arrows="(\d+)"', dom).group(1)) > 0
