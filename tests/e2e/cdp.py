"""Chromium over its debugging pipe, with nothing but the standard library.

    with Browser() as b:
        page = b.page(width=1280, height=800)
        page.open(url)
        page.click('button.main')
        page.wait('document.querySelector("h1").textContent == "Overview"')

The pipe needs no port and no WebSocket and dies with the process. Every wait is
for a condition with a generous limit. Errors of the console, of scripts and of
policies are collected in page.errors.
"""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

LIMIT = 30


class Browser:
    def __init__(self, program=None):
        self.program = program or shutil.which('chromium') or '/usr/bin/chromium'
        self.dir = tempfile.mkdtemp(prefix='qxb.', dir='/tmp')
        self.n = 0
        self.pages = {}
        self.buffer = b''
        self.replies = {}
        down_r, down_w = os.pipe()
        up_r, up_w = os.pipe()

        def ends():     # the browser reads 3 and writes 4
            os.setsid()
            r, w = os.dup(down_r), os.dup(up_w)
            os.dup2(r, 3)
            os.dup2(w, 4)

        self.child = subprocess.Popen(
            [self.program, '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
             '--no-first-run', '--disable-background-networking', '--disable-component-update',
             '--disable-sync', '--disable-extensions', '--hide-scrollbars', '--mute-audio',
             '--disable-dev-shm-usage', '--force-color-profile=srgb',
             '--user-data-dir=' + self.dir, '--remote-debugging-pipe', 'about:blank'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(os.path.join(self.dir, 'stderr'), 'wb'), preexec_fn=ends,
            close_fds=False, env=dict(os.environ, HOME=self.dir))
        os.close(down_r)
        os.close(up_w)
        self.w, self.r = down_w, up_r
        os.set_blocking(self.r, False)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _read(self, until):
        """One message or None at the end of the time."""
        while b'\0' not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.r], [], [], left)[0]:
                return None
            got = os.read(self.r, 1 << 20)
            if not got:
                raise RuntimeError('the browser ended: ' + open(
                    os.path.join(self.dir, 'stderr'), errors='replace').read()[-2000:])
            self.buffer += got
        one, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(one)

    def one(self, until):
        """Takes one message; False at the end of the time."""
        m = self._read(until)
        if m is None:
            return False
        if 'id' in m:
            self.replies[m['id']] = m
        elif m.get('sessionId') in self.pages:
            self.pages[m['sessionId']].heard(m['method'], m['params'])
        return True

    def pump(self, seconds=0):
        """Takes what arrives for so long."""
        until = time.monotonic() + seconds
        while self.one(until):
            pass

    def send(self, method, params=None, session=None, limit=LIMIT):
        self.n += 1
        n = self.n
        m = {'id': n, 'method': method, 'params': params or {}}
        if session:
            m['sessionId'] = session
        os.write(self.w, json.dumps(m).encode() + b'\0')
        until = time.monotonic() + limit
        while n not in self.replies:
            if not self.one(until):
                raise TimeoutError(method)
        m = self.replies.pop(n)
        if 'error' in m:
            raise RuntimeError(f"{method}: {m['error']['message']}")
        return m['result']

    def page(self, width=1280, height=900, dark=False, scripts=True):
        context = self.send('Target.createBrowserContext')['browserContextId']
        target = self.send('Target.createTarget', {'url': 'about:blank',
                           'browserContextId': context})['targetId']
        session = self.send('Target.attachToTarget', {'targetId': target,
                            'flatten': True})['sessionId']
        page = Page(self, session, target)
        self.pages[session] = page
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            page.send(domain + '.enable')
        page.size(width, height)
        page.dark(dark)
        if not scripts:
            page.send('Emulation.setScriptExecutionDisabled', {'value': True})
        return page


class Page:
    def __init__(self, browser, session, target):
        self.b, self.session, self.target = browser, session, target
        self.errors = []
        self.dialogs = 0
        self.bytes = 0
        self.loaded = 0

    def send(self, method, params=None, limit=LIMIT):
        return self.b.send(method, params, self.session, limit)

    def heard(self, method, p):
        if method == 'Runtime.exceptionThrown':
            d = p['exceptionDetails']
            self.errors.append(d.get('exception', {}).get('description') or d['text'])
        elif method == 'Runtime.consoleAPICalled' and p['type'] in ('error', 'assert'):
            self.errors.append(' '.join(str(a.get('value', a.get('description'))) for a in p['args']))
        elif method == 'Log.entryAdded' and p['entry']['level'] == 'error':
            self.errors.append(f"{p['entry']['text']} {p['entry'].get('url', '')}")
        elif method == 'Page.javascriptDialogOpening':
            self.dialogs += 1
            self.b.n += 1
            os.write(self.b.w, json.dumps({'id': self.b.n, 'sessionId': self.session,
                     'method': 'Page.handleJavaScriptDialog', 'params': {'accept': False}})
                     .encode() + b'\0')
        elif method == 'Network.loadingFinished':
            self.bytes += p['encodedDataLength']
        elif method == 'Page.loadEventFired':
            self.loaded += 1

    def size(self, width, height):
        self.send('Emulation.setDeviceMetricsOverride', {'width': width, 'height': height,
                  'deviceScaleFactor': 1, 'mobile': False})

    def dark(self, on):
        self.send('Emulation.setEmulatedMedia', {'features': [
            {'name': 'prefers-color-scheme', 'value': 'dark' if on else 'light'},
            {'name': 'prefers-reduced-motion', 'value': 'reduce'}]})

    def open(self, url, limit=LIMIT):
        before = self.loaded
        r = self.send('Page.navigate', {'url': url}, limit)
        if r.get('errorText'):
            raise RuntimeError(f"{url}: {r['errorText']}")
        self.until(lambda: self.loaded > before, f'{url} loads', limit)

    def until(self, ready, what, limit=LIMIT):
        end = time.monotonic() + limit
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError(what)
            self.b.one(time.monotonic() + 0.05)

    def eval(self, text, limit=LIMIT):
        r = self.send('Runtime.evaluate', {'expression': text, 'returnByValue': True,
                      'awaitPromise': True}, limit)
        if 'exceptionDetails' in r:
            d = r['exceptionDetails']
            raise RuntimeError(d.get('exception', {}).get('description') or d['text'])
        return r['result'].get('value')

    def wait(self, condition, limit=LIMIT):
        def ready():
            try:
                return self.eval(f'!!({condition})')
            except RuntimeError:        # the page is being replaced
                return False
        self.until(ready, condition, limit)

    def text(self, selector):
        return self.eval(f'document.querySelector({json.dumps(selector)})?.innerText')

    def type(self, selector, text):
        self.wait(f'document.querySelector({json.dumps(selector)})')
        self.eval(f'(e => {{ e.focus(); e.select?.() }})(document.querySelector({json.dumps(selector)}))')
        self.send('Input.insertText', {'text': text})

    def click(self, selector):
        """A real click in the middle of the element."""
        q = json.dumps(selector)
        self.wait(f'document.querySelector({q})')
        box = self.eval(f'(e => {{ e.scrollIntoView({{block: "center"}}); const r = e.getBoundingClientRect();'
                        f' return [r.x + r.width / 2, r.y + r.height / 2] }})(document.querySelector({q}))')
        for kind in ('mousePressed', 'mouseReleased'):
            self.send('Input.dispatchMouseEvent', {'type': kind, 'x': box[0], 'y': box[1],
                      'button': 'left', 'clickCount': 1})

    def key(self, name):
        codes = {'Tab': 9, 'Enter': 13, 'Escape': 27}
        for kind in ('keyDown', 'keyUp'):
            self.send('Input.dispatchKeyEvent', {'type': kind, 'key': name, 'code': name,
                      'windowsVirtualKeyCode': codes[name],
                      **({'text': '\r'} if name == 'Enter' and kind == 'keyDown' else {})})

    def shot(self, path, full=True):
        size = self.send('Page.getLayoutMetrics')['cssContentSize']
        clip = {'x': 0, 'y': 0, 'width': size['width'], 'height': min(size['height'], 2400), 'scale': 1}
        r = self.send('Page.captureScreenshot', {'format': 'png', 'optimizeForSpeed': True, 'captureBeyondViewport': full,
                      **({'clip': clip} if full else {})})
        with open(path, 'wb') as f:
            f.write(base64.b64decode(r['data']))
