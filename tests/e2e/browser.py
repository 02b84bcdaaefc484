"""The dashboard as a person meets it, in headless Chromium (cdp.py).

Every page row is opened, judged (console, policies, accessibility, width at
360 px) and photographed, light and dark; then people act and see the live
change. Hostile names are in everything a page can show. Faults are collected;
the status is 1 if there is one.
"""
import argparse
import json
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(__file__))
from cdp import Browser     # noqa: E402

HOSTILE = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', 'javascript:alert(1)',
           '=cmd|calc!A1', "'';!--\"<XSS>=&{()}", '\u202eevil', '{{constructor.constructor("alert(1)")()}}']
AXE = 'build/vendor/axe.min.js'
FIRST_PAINT = 150 << 10     # what a page may transfer before it is shown, nothing cached
faults = []


def fault(what):
    faults.append(what)
    print('FAULT', what, flush=True)


class Api:
    def __init__(self, url, email, password):
        self.url = url
        self.token = None
        self.token = self('POST', '/api/auth/login', {'email': email, 'password': password})['access_token']

    def __call__(self, method, path, data=None, headers=None, ok=True, bearer=True):
        head = {'Content-Type': 'application/json', **(headers or {})}
        if self.token and bearer:
            head['Authorization'] = 'Bearer ' + self.token
        req = urllib.request.Request(self.url + path, method=method, headers=head,
                                     data=None if data is None else json.dumps(data).encode())
        try:
            with urllib.request.urlopen(req, timeout=60) as r:
                return json.loads(r.read() or b'null')
        except urllib.error.HTTPError as e:
            if ok:
                raise RuntimeError(f'{method} {path}: {e.code} {e.read()[:300]}') from None
            return e.code, e.headers.get('X-Error-Code')


def seed(api):
    """One of everything, with names that would like to be code."""
    ids = {}
    for text in HOSTILE:
        api('POST', '/jobs', {'type': 'hostile', 'queue': 'q', 'payload': {text: text}})
    held = api('POST', '/jobs/claim', {'queues': ['q'], 'max': 4})['jobs']
    api('POST', f"/jobs/{held[0]['id']}/fail", {'token': held[0]['token'], 'error': HOSTILE[0] + HOSTILE[1],
        'class': 'hostile', 'retry': False})
    api('POST', f"/jobs/{held[1]['id']}/complete", {'token': held[1]['token'], 'result': {'x': HOSTILE[1]}})
    api('POST', f"/jobs/{held[2]['id']}/progress", {'token': held[2]['token'], 'progress': 300, 'note': HOSTILE[1]})
    ids['jobs'] = held[0]['id']
    ids['held'] = held[3]
    for i, text in enumerate(HOSTILE):
        r = api('POST', '/api/system/schedules', {'name': f'hostile-{i}', 'spec': '30 2 * * *',
                'type': 'hostile', 'payload': {'x': text}})
        ids['schedules'] = r['id']
        api('POST', '/api/auth/keys', {'name': text[:64], 'scopes': ['jobs:read']})
        api('POST', '/api/auth/users', {'email': f'h{i}@example.test', 'username': f'hostile{i}',
            'full_name': text, 'roles': ['viewer'], 'password': 'long enough'})
        api('POST', '/api/system/alerts/silences', {'rule': 'DiskFree', 'comment': text})
    api('POST', '/api/system/switches/stop', {'scope': 'account', 'name': 'a1', 'reason': HOSTILE[1]})
    acc = api('POST', '/api/spot/accounts', {'name': HOSTILE[0], 'connection_method': 'simulated'})
    ids['accounts'] = acc['id']
    api('PUT', '/api/trade/instruments', {'symbol': 'EVIL', 'name': HOSTILE[0]})
    api('POST', '/api/trade/bars', {'symbol': 'EVIL', 'bars': [{'at': f'2026-01-{d:02}T00:00:00Z', 'open': 10, 'high': 12,
        'low': 9, 'close': 10 + d % 2, 'volume': 100} for d in range(1, 29)]})
    api('POST', '/api/trade/sessions', {})
    api('POST', '/api/trade/quotes', {'symbol': 'EVIL', 'bid': 10, 'ask': 11})
    ids['orders'] = api('POST', '/api/trade/orders', {'symbol': 'EVIL', 'side': 'buy', 'quantity': 2, 'tag': HOSTILE[0]})['id']
    api('POST', '/api/trade/orders', {'symbol': 'EVIL', 'side': 'sell', 'type': 'limit', 'limit_price': 10.9,
        'quantity': 1, 'tag': HOSTILE[1]}, ok=False)
    api('POST', '/api/trade/strategies', {'name': HOSTILE[1], 'spec': {'entry_long': 1}})
    ids['backtests'] = api('POST', '/api/trade/backtests', {'symbol': 'EVIL', 'spec': {'entry_long': 1}})['job_id']
    m = api('POST', '/api/system/models', {'module': 'spot', 'name': 'demo', 'format': 'logistic.json',
            'content': {'coef': [1, 2]}, 'vectors': [{'x': [0, 0], 'y': 0.5}]})
    ids['models'] = m['id']
    end = time.monotonic() + 60
    while time.monotonic() < end:
        got = api('GET', f"/api/spot/accounts/{acc['id']}/scans")['items']
        if got and got[0]['state'] in ('complete', 'partial', 'failed'):
            break
        time.sleep(0.3)
    ids['scans'] = got[0]['id'] if got else None
    for noun in ('instances', 'pools'):
        rows = api('GET', f'/api/spot/{noun}?limit=1')['items']
        ids[noun] = str(rows[0]['id']) if rows else None
    machine = next(i for i in api('GET', '/api/spot/instances?limit=200')['items']
                   if i['auth_status'] == 'AUTHORIZED' and i['state'] == 'running')
    ids['moves'] = api('POST', '/api/spot/moves', {
        'instance_id': machine['instance_id'], 'kind': 'replace', 'reason': 'browser-test',
        'pools': [{'az': machine['az'], 'instance_type': machine['instance_type'], 'lifecycle': 'spot',
                   'subnet': '', 'price': 0.1}]})['id']
    ids['approvals'] = '01900000-0000-7000-8000-00000000000a'
    ids['decisions'] = '01900000-0000-7000-8000-00000000000d'
    return ids


def login(page, args, path='/ui'):
    page.open(args.url + path)
    page.type('[name=identifier]', args.email)
    page.type('[name=password]', args.password)
    page.click('button.main')
    page.wait('document.querySelector("main h1") && !location.pathname.includes("/ui/login")')


def logged_in(page, args):
    page.open(args.url + '/ui')
    if page.eval('location.pathname.endsWith("/ui/login")'):
        login(page, args)


def judge(page, name, axe):
    """What must hold on every page."""
    wide = page.eval('document.documentElement.scrollWidth')
    if wide > page.eval('innerWidth'):
        fault(f'{name}: {wide} px wide')
    bad = page.eval("""[...document.querySelectorAll('a[href], form[action]')]
        .map(e => new URL(e.getAttribute('href') ?? e.getAttribute('action'), location).href)
        .filter(u => !/^https?:/.test(u))""")
    if bad:
        fault(f'{name}: links {bad[:3]}')
    if page.eval('document.querySelectorAll("img[src=x], xss, main script, [onerror]").length'):
        fault(f'{name}: a name became markup')
    if axe:
        got = page.eval(f"""(async () => {{ if (!window.axe) {{ {axe} }}
            const r = await window.axe.run(document, {{ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }})
            return r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.target + ' ' + (n.any[0]?.message ?? '')).join(' | ')) }})()""", 60)
        for g in got:
            fault(f'{name}: {g[:400]}')


def check_errors(page, name, ignore=()):
    page.b.pump(0.1)
    for e in page.errors:
        if not any(i in e for i in ignore):
            fault(f'{name}: console: {e[:300]}')
    page.errors.clear()
    if page.dialogs:
        fault(f'{name}: {page.dialogs} dialogs')
        page.dialogs = 0


def address(row, ids):
    path = row['path']
    if path == '/ui/trade/chart':      # shows one symbol, named in the query
        return path + '?symbol=EVIL'
    if '{' not in path:
        return path
    noun = path.split('/')[3]
    if not ids.get(noun):
        return None
    return re.sub(r'\{[^}]*\}', ids[noun], path)


def every_page(b, page, args, rows, ids):
    logged_in(page, args)
    axe = open(AXE).read() if os.path.exists(AXE) else None
    page.send('Network.setCacheDisabled', {'cacheDisabled': True})
    if axe is None:
        print('axe-core is not there (make vendor): its rules are not judged')
    for row in rows:
        path = address(row, ids)
        if row['public']:
            continue
        if path is None:
            fault(f"{row['path']}: no object to open it with: name one in seed()")
            continue
        name = re.sub(r'[^a-z]+', '_', row['path'].strip('/')).strip('_')
        page.size(1280, 900)
        page.dark(False)
        page.bytes = 0
        page.open(args.url + path)
        if page.bytes > FIRST_PAINT:
            fault(f'{path}: {page.bytes >> 10} KiB before it is shown')
        page.wait('document.getElementById("live-state")?.dataset.state === "live"')
        if row['title'] not in page.eval('document.title'):
            fault(f"{path}: title {page.eval('document.title')}")
        if page.eval('document.querySelectorAll(".banner").length') > page.eval(
                'document.querySelectorAll("#stops .banner, #body .banner.bad, #job-body .banner.bad").length'):
            fault(f"{path}: banner {page.text('.banner')}")
        judge(page, path, axe)
        if args.quick:
            check_errors(page, path)
            continue
        page.shot(f'{args.shots}/{name}.png')
        page.dark(True)
        if axe and row['path'] in ('/ui', '/ui/system/jobs', '/ui/system/health'):
            judge(page, path + ' dark', axe)    # the same parts in all others
        page.shot(f'{args.shots}/{name}-dark.png')
        page.dark(False)
        page.size(360, 740)
        page.b.pump(0.15)
        judge(page, path + ' 360', None)
        page.shot(f'{args.shots}/{name}-360.png')
        check_errors(page, path)
    page.send('Network.setCacheDisabled', {'cacheDisabled': False})


def acts(b, page, args, api, ids):
    logged_in(page, args)
    page.size(1280, 900)
    # a job made by somebody else appears by itself, and so does its end
    page.open(args.url + '/ui/system/jobs?type=live-test')
    page.wait('document.getElementById("live-state")?.dataset.state === "live"')
    job = api('POST', '/jobs', {'type': 'live-test', 'queue': 'live'})['id']
    page.wait(f'document.getElementById("job-{job}")')
    held = api('POST', '/jobs/claim', {'queues': ['live'], 'max': 1})['jobs'][0]
    api('POST', f'/jobs/{job}/complete', {'token': held['token']})
    page.wait(f'document.querySelector("#job-{job} .state-succeeded")')
    # enqueue by the form, cancel with a question
    page.eval('document.querySelectorAll("details.card").forEach(d => { d.open = true })')
    page.type('form[data-api="POST /api/system/jobs"] [name=type]', 'live-test')
    page.click('form[data-api="POST /api/system/jobs"] button')
    page.wait('document.querySelector("#jobs-list .state-queued")')
    page.click('#jobs-list button[data-confirm]')
    page.wait('document.getElementById("ask-dialog").open')
    page.click('#ask-yes')
    page.wait('document.querySelector("#jobs-list .state-cancelled")')
    page.click('#jobs-list button[data-api$="/retry"]')
    page.wait('document.querySelector("#jobs-list .state-queued")')
    # a wrong payload is told in words
    page.type('form[data-api="POST /api/system/jobs"] [name=type]', 'x')
    page.eval('document.querySelector("[name=payload]").value = "{"')
    page.click('form[data-api="POST /api/system/jobs"] button')
    page.wait('/JSON/.test(document.getElementById("notices").innerText)')
    # filters live in the address
    page.open(args.url + '/ui/system/jobs')
    page.eval('(s => { s.value = "succeeded"; s.dispatchEvent(new Event("change", { bubbles: true })) })(document.querySelector("[name=state]"))')
    page.wait('location.search.includes("state=succeeded") && document.querySelector("[name=state]")?.value === "succeeded"')
    check_errors(page, 'jobs')
    # schedules
    page.open(args.url + f"/ui/system/schedules/{ids['schedules']}")
    page.click('#acts button[data-api$="/run"]')
    page.wait('document.querySelector("#fires .state-manual")')
    page.click('#acts button[data-api$="/pause"]')
    page.wait('document.querySelector("#acts .state-paused")')
    check_errors(page, 'schedule')
    # the inbox: badge, yes, badge gone
    page.open(args.url + '/ui/system/approvals')
    page.wait('document.querySelector("#badges .count")')
    plan = f"#a-{ids['approvals']}"
    page.click(plan + ' button.main')
    page.wait('document.getElementById("ask-dialog").open')
    page.click('#ask-yes')
    page.wait(f'!document.querySelector("{plan}")')
    if api('GET', f"/api/system/approvals/{ids['approvals']}")['state'] != 'approved':
        fault('the yes did not arrive')
    check_errors(page, 'inbox')
    # the stop switch, from any page; the release wants the password
    page.click('.stop')
    page.wait('document.getElementById("stop-dialog").open')
    page.type('#stop-dialog [name=reason]', HOSTILE[0])
    page.click('#stop-dialog .danger')
    page.wait('[...document.querySelectorAll("#stops b")].some(e => e.innerText.includes("all"))')
    if not api('GET', '/api/system/switches')['items']:
        fault('the stop switch did nothing')
    page.shot(f'{args.shots}/stopped.png')
    for _ in range(2):
        n = page.eval('document.querySelectorAll("#stops form").length')
        page.click('#stops form button')
        page.wait('document.getElementById("ask-dialog").open')
        page.click('#ask-yes')
        page.wait('document.getElementById("password-dialog").open || '
                  f'document.querySelectorAll("#stops form").length < {n}')
        if page.eval('document.getElementById("password-dialog").open'):
            page.type('#password-form [name=password]', args.password)
            page.click('#password-form button[type=submit]')
        page.wait(f'document.querySelectorAll("#stops form").length < {n}')
    check_errors(page, 'stop switch', ('403',))
    # a key is shown once, as text
    page.open(args.url + '/ui/auth/keys')
    page.eval('document.querySelector("details.card").open = true')
    page.type('form[data-secret] [name=name]', HOSTILE[1])
    page.type('form[data-secret] [name=scopes]', 'jobs:read')
    page.click('form[data-secret] button')
    page.wait('/qk_/.test(document.getElementById("notices").innerText)')
    check_errors(page, 'keys')
    # the simulator draws, the policy is put in force
    page.open(args.url + '/ui/spot/policy')
    page.click('form[data-event] button')
    page.wait('document.querySelectorAll("#simulation svg rect").length > 3 && document.querySelector("#simulation table")')
    page.eval('document.querySelector("[name=min_saving_pct]").value = "7"')
    page.click('form[data-api="PUT /api/spot/policy"] button')
    page.wait('document.getElementById("sum").innerText.includes("7 %")')
    check_errors(page, 'policy')
    # colours by hand
    page.click('.menu > summary')
    page.eval('(s => { s.value = "dark"; s.dispatchEvent(new Event("change", { bubbles: true })) })(document.getElementById("theme"))')
    page.open(args.url + '/ui')
    if page.eval('document.documentElement.dataset.theme') != 'dark':
        fault('the chosen colours are forgotten')
    page.eval('localStorage.removeItem("theme")')
    # keyboard: the skip link is first and leads to the content
    page.open(args.url + '/ui')
    page.key('Tab')
    if page.eval('document.activeElement.className') != 'skip':
        fault('the first stop of the keyboard is not the skip link')
    page.key('Enter')
    page.wait('document.activeElement.id === "main"')


def sessions(b, page, args, api):
    """Wrong password, way back after the login, ended session, strangers."""
    page.open(args.url + '/ui/system/jobs?state=running')
    page.wait('location.pathname.endsWith("/ui/login")')
    page.type('[name=identifier]', args.email)
    page.type('[name=password]', 'wrong password')
    page.click('button.main')
    page.wait('document.querySelector(".banner.bad")')
    check_errors(page, 'wrong password', ('401',))
    page.shot(f'{args.shots}/login.png')
    page.type('[name=identifier]', args.email)
    page.type('[name=password]', args.password)
    page.click('button.main')
    page.wait('location.pathname.endsWith("/ui/system/jobs") && location.search === "?state=running"')
    page.open(args.url + '/ui/system/jobs/01900000-0000-7000-8000-0000000000ff')
    if 'nothing here' not in (page.text('h1') or ''):
        fault(f"an unknown job: {page.text('h1')}")
    page.shot(f'{args.shots}/missing.png')
    check_errors(page, 'missing', ('404',))
    page.open(args.url + '/ui/system/jobs?state=running')
    page.wait('document.getElementById("live-state")?.dataset.state === "live"')
    mine = page.eval("fetch('/api/auth/sessions').then(r => r.json()).then(r => r.items.find(s => s.current).id)")
    api('DELETE', f'/api/auth/sessions/{mine}')
    page.wait('location.pathname.endsWith("/ui/login") && location.search.includes("next=")', 60)
    page.errors.clear()
    page.type('[name=identifier]', args.email)
    page.type('[name=password]', args.password)
    page.click('button.main')
    page.wait('location.pathname.endsWith("/ui/system/jobs") && location.search === "?state=running"')
    # a stranger's next leads nowhere else
    for evil in ('//evil.test', 'https://evil.test', '/ui\\..\\evil', '/uix', 'javascript:alert(1)'):
        page.open(args.url + '/ui/login?next=' + urllib.parse.quote(evil))
        if page.eval('location.origin') != args.url or page.eval('location.pathname') != '/ui':
            fault(f'next={evil} led to {page.eval("location.href")}')
    check_errors(page, 'sessions')


def forgery(b, page, args, api):
    """A cookie alone changes nothing, whatever the route."""
    logged_in(page, args)
    cookie = '; '.join(f"{c['name']}={c['value']}" for c in page.send('Network.getCookies', {'urls': [args.url]})['cookies'])
    flags = page.send('Network.getCookies', {'urls': [args.url]})['cookies']
    for c in flags:
        if not c['httpOnly'] or c.get('sameSite') != 'Lax':
            fault(f"cookie {c['name']} is not HttpOnly and SameSite")
    token = page.eval('document.querySelector(\'meta[name="csrf"]\').content')
    n = 0
    for r in api('GET', '/api/system/routes')['items']:
        if r['method'] == 'GET' or r['auth'] == 'none':
            continue
        path = re.sub(r'\{[^}]*\}', '01900000-0000-7000-8000-0000000000ff', r['path'])
        for head in ({}, {'X-CSRF-Token': token}, {'X-CSRF-Token': token, 'Origin': 'https://evil.test'},
                     {'X-CSRF-Token': token, 'Origin': args.url, 'Sec-Fetch-Site': 'cross-site'},
                     {'X-CSRF-Token': 'x' * len(token), 'Origin': args.url},
                     {'Origin': args.url, 'Content-Type': 'text/plain'}):
            got = api(r['method'], path, {}, {'Cookie': cookie, **head}, ok=False, bearer=False)
            if not isinstance(got, tuple) or got[0] != 403 or got[1] not in ('foreign_origin', 'csrf_token'):
                fault(f"{r['method']} {path} with the cookie and {head}: {got}")
                break
            n += 1
    print(f'{n} forged writes refused')
    good = {'Cookie': cookie, 'X-CSRF-Token': token, 'Origin': args.url}
    if not isinstance(api('POST', '/api/system/live/ticket', None, good, ok=False, bearer=False), dict):
        fault('a write of our own page is refused')
    if api('GET', '/api/auth/profile', None, {'Cookie': cookie, 'Authorization': 'Bearer x'}, ok=False,
           bearer=False)[0] != 401:
        fault('a bad bearer token falls back to the cookie')
    again = {'Cookie': cookie, 'Origin': 'https://evil.test'}
    if api('POST', '/ui/login', None, {**again, 'Content-Type': 'application/x-www-form-urlencoded'}, ok=False,
           bearer=False)[0] not in (403, 422):
        fault('another site may log people in')


def plain(b, args):
    """Without JavaScript: log in, read, log out."""
    page = b.page(scripts=False)
    page.open(args.url + '/ui/system/jobs')
    for name, text in (('identifier', args.email), ('password', args.password)):
        root = page.send('DOM.getDocument')['root']['nodeId']
        node = page.send('DOM.querySelector', {'nodeId': root, 'selector': f'[name={name}]'})['nodeId']
        page.send('DOM.focus', {'nodeId': node})
        page.send('Input.insertText', {'text': text})
    before = page.loaded
    page.key('Enter')
    page.until(lambda: page.loaded > before, 'the form works without scripts')
    text = page.send('DOM.getOuterHTML', {'nodeId': page.send('DOM.getDocument')['root']['nodeId']})['outerHTML']
    if '<h1>Jobs</h1>' not in text or 'hostile' not in text:
        fault('without JavaScript there is nothing to read')
    page.shot(f'{args.shots}/no-script.png')
    check_errors(page, 'without scripts')


def weight(b, args):
    page = b.page()
    login(page, args)
    page.send('Network.setCacheDisabled', {'cacheDisabled': True})
    page.bytes = 0
    page.open(args.url + '/ui')
    page.b.pump(1)
    kib = page.bytes / 1024
    print(f'first load of the overview: {kib:.0f} KiB')
    if kib > 150:
        fault(f'the overview transfers {kib:.0f} KiB')


def gateway_down(b, page, args, api):
    logged_in(page, args)
    page.open(args.url + '/ui/system/jobs?type=after')
    page.wait('document.getElementById("live-state")?.dataset.state === "live"')
    os.kill(args.live, signal.SIGKILL)
    page.wait('document.getElementById("live-state").dataset.state === "poll"', 60)
    page.wait('/gateway cannot be reached/.test(document.getElementById("notices").innerText)')
    job = api('POST', '/jobs', {'type': 'after', 'queue': 'after'})['id']
    page.wait(f'document.getElementById("job-{job}")', 60)
    page.shot(f'{args.shots}/gateway-down.png')


def main():
    p = argparse.ArgumentParser()
    for name in ('url', 'email', 'password', 'pages', 'shots'):
        p.add_argument('--' + name, required=True)
    p.add_argument('--live', type=int)
    p.add_argument('--browser')
    p.add_argument('--quick', action='store_true', help='no photographs of each page')
    args = p.parse_args()
    rows = json.load(open(args.pages))
    api = Api(args.url, args.email, args.password)
    ids = seed(api)
    start = time.monotonic()
    with Browser(args.browser) as b:
        only = os.environ.get('ONLY', '').split()     # ONLY="pages acts": some steps

        def step(name, fn, *a):
            if only and name not in only:
                return
            try:
                fn(*a)
            except Exception as e:      # the other steps still tell something
                fault(f'{name}: {type(e).__name__}: {str(e)[:400]}')
            print(f'{name}: {time.monotonic() - start:.1f} s', flush=True)
        page = b.page()
        step('sessions', sessions, b, page, args, api)
        step('pages', every_page, b, page, args, rows, ids)
        step('forgery', forgery, b, page, args, api)
        step('acts', acts, b, page, args, api, ids)
        step('plain', plain, b, args)
        step('weight', weight, b, args)
        if args.live:
            step('gateway', gateway_down, b, page, args, api)
    print(f'{len(rows)} page rows, {len(faults)} faults')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
