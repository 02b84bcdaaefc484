#!/usr/bin/env python3
"""Client of Quincunx: jobs, events and workers. Standard library only.

Enqueue and wait:

    from quincunx import Client
    qx = Client("http://127.0.0.1:8080", email="ann@example.org", password="…")
    job_id = qx.enqueue_job(job_type="suggestion", user_id="user123",
                            payload={"symbols": ["AAPL"]})
    print(qx.wait(job_id, timeout=60)["result"])

Work:

    @qx.worker("suggestion")
    def suggestion(job):
        for i, symbol in enumerate(job.payload["symbols"]):
            job.progress(1000 * i // len(job.payload["symbols"]), symbol)
        return {"side": "buy"}          # the job's result; an exception fails it

    qx.run_worker()                     # until SIGTERM or SIGINT

Follow what happens:

    for event in qx.events(topics="job.*"):
        print(event["off"], event["topic"], event["data"])

What holds: enqueueing carries a key, so a repeated request makes one job. A
worker holds each job under a lease that a thread renews; who loses it is told
(JobLost) and its result is not taken. A handler may run more than once (its
host can die after the work and before the answer): put `job.key("step")` on
effects outside, the same text in every attempt.

From a shell: `quincunx.py enqueue|wait|work|events --help`; address and
credentials from QUINCUNX_URL, QUINCUNX_API_KEY or QUINCUNX_EMAIL with
QUINCUNX_PASSWORD or QUINCUNX_PASSWORD_FILE.
"""
from __future__ import annotations

import argparse
import http.client
import json
import logging
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union
from urllib.parse import quote, urlencode, urlsplit

__all__ = ["Client", "Worker", "Job", "Error", "JobLost", "JobFailed", "Retry", "Fail"]

log = logging.getLogger("quincunx")

Json = Any
Time = Union[str, datetime]
ENDED = frozenset("succeeded failed cancelled expired quarantined skipped".split())
PASSING = frozenset((429, 502, 503, 504))      # worth another try
WAIT_S = 20                                    # of one long-poll
IDLE_S = 10                                    # a kept connection older than that is opened anew
LIMIT_NOTE, LIMIT_ERROR = 200, 10000           # characters the server takes


# ---- errors ---------------------------------------------------------------------

class Error(Exception):
    """An answer with a status of 400 and more, or (status 0) none at all."""

    def __init__(self, status: int, code: str, detail: Json, retry_after: float = 0) -> None:
        super().__init__(f"{status} {code}: {detail if isinstance(detail, str) else json.dumps(detail)}")
        self.status, self.code, self.detail, self.retry_after = status, code, detail, retry_after


class JobLost(Error):
    """The job is another worker's by now, or its time was over."""


class JobFailed(Exception):
    """wait() was told to raise, and the job ended otherwise than succeeded."""

    def __init__(self, job: Dict[str, Json]) -> None:
        super().__init__(f"job {job['id']} {job['status']}: {job.get('error')}")
        self.job = job


class Retry(Exception):
    """Raised by a handler: try again, not before so many seconds (0 = the job's own back-off)."""

    def __init__(self, reason: str = "", after: float = 0, kind: str = "retry") -> None:
        super().__init__(reason)
        self.after, self.kind = after, kind


class Fail(Exception):
    """Raised by a handler: no further try."""

    def __init__(self, reason: str = "", kind: str = "error") -> None:
        super().__init__(reason)
        self.kind = kind


# ---- the client ------------------------------------------------------------------

class Client:
    """One installation, as one user or API key. Threads may share it."""

    def __init__(self, url: str, email: Optional[str] = None, password: Optional[str] = None,
                 api_key: Optional[str] = None, *, timeout: float = 30, tries: int = 5,
                 context: Optional[ssl.SSLContext] = None) -> None:
        """url may carry a path prefix. email may be a username. tries: of requests that may be
        repeated (reads, and writes that carry a key). context: for https with a CA of your own."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url must be http(s)://host[:port][/prefix]")
        if api_key is None and (email is None or password is None):
            raise ValueError("either api_key, or email and password")
        self._https, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._email, self._password, self._api_key = email, password, api_key
        self._timeout, self._tries, self._context = timeout, max(1, tries), context
        self._lock = threading.Lock()
        self._access: Optional[str] = None
        self._refresh: Optional[str] = None
        self._local = threading.local()
        self._worker: Optional[Worker] = None

    @classmethod
    def from_env(cls, url: Optional[str] = None) -> Client:
        """From QUINCUNX_URL, and QUINCUNX_API_KEY or QUINCUNX_EMAIL with QUINCUNX_PASSWORD or
        QUINCUNX_PASSWORD_FILE."""
        env = os.environ
        password = env.get("QUINCUNX_PASSWORD")
        if password is None and "QUINCUNX_PASSWORD_FILE" in env:
            with open(env["QUINCUNX_PASSWORD_FILE"], encoding="utf-8") as f:
                password = f.readline().rstrip("\n")
        return cls(url or env.get("QUINCUNX_URL", "http://127.0.0.1:8080"), env.get("QUINCUNX_EMAIL"),
                   password, env.get("QUINCUNX_API_KEY"))

    # -- transport --

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        c = getattr(self._local, "connection", None)
        if c is not None and time.monotonic() - self._local.used > IDLE_S:
            c.close()                                  # the server may have closed it by now
        if c is None:
            if self._https:
                c = http.client.HTTPSConnection(self._host, self._port, timeout=timeout,
                                                context=self._context)
            else:
                c = http.client.HTTPConnection(self._host, self._port, timeout=timeout)
            self._local.connection = c
        c.timeout = timeout
        if c.sock is not None:
            c.sock.settimeout(timeout)
        return c

    def close(self) -> None:
        """Closes this thread's connection."""
        c = getattr(self._local, "connection", None)
        if c is not None:
            c.close()
            self._local.connection = None

    def _once(self, method: str, path: str, body: Optional[bytes], headers: Dict[str, str],
              timeout: float) -> Tuple[int, Dict[str, str], bytes]:
        """One exchange on this thread's connection; after a failure the next opens another."""
        c = self._connection(timeout)
        try:
            c.request(method, self._prefix + path, body=body, headers=headers)
            r = c.getresponse()
            answer = r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
            self._local.used = time.monotonic()
            return answer
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _error(status: int, headers: Dict[str, str], data: bytes) -> Error:
        try:
            detail = json.loads(data)["detail"]
        except (ValueError, KeyError, TypeError):
            detail = data[:200].decode("utf-8", "replace")
        code = headers.get("x-error-code", "")
        try:
            after = float(headers.get("retry-after", 0))
        except ValueError:
            after = 0.0
        lost = code == "job_lost" or status == 410
        return (JobLost if lost else Error)(status, code, detail, after)

    def request(self, method: str, path: str, body: Json = None, *, query: Optional[Dict[str, Json]] = None,
                key: Optional[str] = None, repeat: Optional[bool] = None,
                timeout: Optional[float] = None) -> Json:
        """Any call of the API; returns the decoded reply. Logs in when that is needed. repeat: may
        be sent again when no answer came (by default GET, and whatever carries a key)."""
        if query:
            path += "?" + urlencode({k: v for k, v in query.items() if v is not None})
        data = None if body is None else json.dumps(body).encode()
        again = repeat if repeat is not None else method == "GET" or key is not None
        tries = self._tries if again else 1
        for n in range(1, tries + 1):
            try:
                return self._authorised(method, path, data, key, timeout or self._timeout)
            except Error as e:
                if n == tries or e.status not in PASSING:
                    raise
                pause = max(e.retry_after, _backoff(n))
            except (OSError, http.client.HTTPException) as e:
                if n == tries:
                    raise Error(0, "unreachable", f"{method} {path}: {e or type(e).__name__}") from e
                pause = _backoff(n)
            time.sleep(min(pause, 60))

    def _authorised(self, method: str, path: str, data: Optional[bytes], key: Optional[str],
                    timeout: float) -> Json:
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        for second in (False, True):
            token = self._token()
            headers["Authorization"] = "Bearer " + token
            status, got, raw = self._once(method, path, data, headers, timeout)
            if status == 401 and self._api_key is None and not second:
                self._renew(token)
                continue
            if status >= 400:
                raise self._error(status, got, raw)
            return json.loads(raw) if raw else None
        raise AssertionError("unreachable")

    # -- login --

    def _token(self) -> str:
        if self._api_key is not None:
            return self._api_key
        with self._lock:
            if self._access is None:
                self._login()
            assert self._access is not None
            return self._access

    def _public(self, path: str, body: Json) -> Json:
        status, headers, raw = self._once("POST", path, json.dumps(body).encode(), {
            "Content-Type": "application/json", "Accept": "application/json"}, self._timeout)
        if status >= 400:
            raise self._error(status, headers, raw)
        return json.loads(raw)

    def _take(self, reply: Json) -> None:
        self._access, self._refresh = reply["access_token"], reply.get("refresh_token")

    def _login(self) -> None:
        self._take(self._public("/api/auth/login", {"identifier": self._email,
                                                    "password": self._password}))

    def _renew(self, used: str) -> None:
        """By the refresh token, else by logging in; once for all threads that found the same
        access token refused."""
        with self._lock:
            if self._access != used:
                return
            try:
                if self._refresh is not None:
                    self._take(self._public("/api/auth/refresh", {"refresh_token": self._refresh}))
                    return
            except Error as e:
                if e.status not in (400, 401, 403, 422):
                    raise
            self._access = self._refresh = None
            self._login()

    # -- jobs --

    def enqueue_job(self, job_type: str, user_id: Optional[str] = None, payload: Json = None, *,
                    queue: Optional[str] = None, priority: Optional[str] = None,
                    run_at: Optional[Time] = None, expires_at: Optional[Time] = None,
                    unique: Optional[str] = None, needs: Iterable[str] = (),
                    needs_rule: Optional[str] = None, limit_key: Optional[str] = None,
                    limit_max: Optional[int] = None, tries: Optional[int] = None,
                    timeout_s: Optional[int] = None, backoff_s: Optional[int] = None,
                    workflow: Optional[str] = None, idempotency_key: Optional[str] = None) -> str:
        """Enqueues a job and returns its id. priority: critical, high, normal, low. run_at: not
        before. unique: at most one live job of the type with this text; a second call gets the
        first one's id. needs: ids of jobs to wait for (needs_rule: success, end, failure).
        limit_key, limit_max: jobs with the same key run at most so many at once."""
        body = {"type": job_type, "user_id": user_id, "payload": {} if payload is None else payload,
                "queue": queue, "priority": priority, "run_at": _time(run_at),
                "expires_at": _time(expires_at), "unique": unique, "needs": list(needs) or None,
                "needs_rule": needs_rule, "limit_key": limit_key, "limit_max": limit_max,
                "tries": tries, "timeout_s": timeout_s, "backoff_s": backoff_s,
                "workflow": workflow}
        body = {k: v for k, v in body.items() if v is not None}
        return self.request("POST", "/jobs", body, key=idempotency_key or str(uuid.uuid4()))["job_id"]

    def enqueue_batch(self, jobs: List[Dict[str, Json]], *, idempotency_key: Optional[str] = None) -> Json:
        """Up to 1,000 jobs, all or none; each a dict with `type` and the options of enqueue_job,
        `ref` as a local name, and needs such as "#0" or "#name". Returns workflow and jobs."""
        return self.request("POST", "/jobs/bulk", {"jobs": jobs}, key=idempotency_key or str(uuid.uuid4()))

    def job(self, job_id: str) -> Dict[str, Json]:
        """One job with result, needs and attempts."""
        return self.request("GET", f"/jobs/{quote(job_id, safe='')}")

    def jobs(self, **filters: Json) -> Iterator[Dict[str, Json]]:
        """Jobs, newest first: state, type, queue, workflow, error_class, since, until."""
        return self._pages("/jobs", filters)

    def dead_jobs(self, **filters: Json) -> Iterator[Dict[str, Json]]:
        """Dead letters, with the same filters."""
        return self._pages("/jobs/dead", filters)

    def _pages(self, path: str, filters: Dict[str, Json]) -> Iterator[Dict[str, Json]]:
        cursor = None
        while True:
            page = self.request("GET", path, query={**filters, "cursor": cursor, "limit": 200})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def wait(self, job_id: str, timeout: Optional[float] = None, *, check: bool = False) -> Dict[str, Json]:
        """The job when it has ended; TimeoutError after `timeout` seconds. check: JobFailed unless
        it succeeded."""
        end = None if timeout is None else time.monotonic() + timeout
        pause = 0.05
        while True:
            job = self.job(job_id)
            if job["status"] in ENDED:
                if check and job["status"] != "succeeded":
                    raise JobFailed(job)
                return job
            left = pause if end is None else end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"job {job_id} is {job['status']} after {timeout} s")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 2)

    def cancel(self, job_id: str) -> Dict[str, Json]:
        """Cancelled at once when it does not run; else asked to stop."""
        return self.request("POST", f"/jobs/{quote(job_id, safe='')}/cancel")

    def retry(self, job_id: str) -> Dict[str, Json]:
        """Runs a job again that ended badly."""
        return self.request("POST", f"/jobs/{quote(job_id, safe='')}/retry")

    # -- events --

    def events(self, since: int = -1, topics: Optional[str] = None, *, epoch: int = 0,
               stop: Optional[threading.Event] = None, sse: bool = False,
               on_gap: Optional[Callable[[Dict[str, Json]], None]] = None) -> Iterator[Dict[str, Json]]:
        """Durable events of the tenant, each once and in order, for ever (or until `stop` is set);
        goes on where it was when the connection breaks. since: after this number; 0 = from the
        oldest kept, -1 = from now on. topics: "job.*,alert.fired". on_gap is called when events
        after the position are not there any more (retention, a restored database): load your
        state anew. sse: by one open connection to /events instead of long-polls."""
        if sse:
            yield from self._sse(since, topics, epoch, stop, on_gap)
            return
        failures = 0
        while stop is None or not stop.is_set():
            try:
                page = self.request("GET", "/api/system/events", query={
                    "since": since, "epoch": epoch, "topics": topics, "limit": 500,
                    "wait": 0 if since < 0 else WAIT_S}, timeout=self._timeout + WAIT_S)
            except Error as e:
                if e.status not in PASSING and e.status != 0:
                    raise
                failures += 1
                _sleep(max(e.retry_after, _backoff(failures)), stop)
                continue
            failures = 0
            if not page["recovered"] and on_gap is not None:
                on_gap(page)
            yield from page["items"]
            if not page["items"] and page["next"] == since and page["epoch"] == epoch:
                _sleep(0.2, stop)      # answered at once: too many wait already
            since, epoch = page["next"], page["epoch"]

    def _sse(self, since: int, topics: Optional[str], epoch: int, stop: Optional[threading.Event],
             on_gap: Optional[Callable[[Dict[str, Json]], None]]) -> Iterator[Dict[str, Json]]:
        last, failures = (f"{epoch}:{since}" if since >= 0 else None), 0
        while stop is None or not stop.is_set():
            c: Optional[http.client.HTTPConnection] = None
            try:
                kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
                extra = {"context": self._context} if self._https else {}
                c = kind(self._host, self._port, timeout=self._timeout + WAIT_S, **extra)
                token = self._token()
                headers = {"Accept": "text/event-stream", "Authorization": "Bearer " + token}
                if last is not None:
                    headers["Last-Event-ID"] = last
                path = "/events" + ("?" + urlencode({"topics": topics}) if topics else "")
                c.request("GET", self._prefix + path, headers=headers)
                r = c.getresponse()
                if r.status == 401 and self._api_key is None:
                    self._renew(token)
                    failures += 1
                    if failures > 3:
                        raise self._error(r.status, dict(r.getheaders()), r.read())
                    continue
                if r.status >= 400:
                    raise self._error(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read())
                for name, data, at in _sse_parse(r, stop):
                    failures = 0
                    last = at or last
                    value = json.loads(data) if data else {}
                    if name in ("gap", "reset") or (isinstance(value, dict) and value.get("recovered") is False):
                        if on_gap is not None:
                            on_gap(value)
                        continue
                    yield value if isinstance(value, dict) else {"topic": name, "data": value}
            except Error as e:
                if e.status not in PASSING:
                    raise
                failures += 1
            except (OSError, http.client.HTTPException, ValueError):
                failures += 1
            finally:
                if c is not None:
                    c.close()
            _sleep(_backoff(failures), stop)

    # -- working --

    def worker(self, *types: str) -> Callable[[Handler], Handler]:
        """Decorator: the function handles jobs of these types. See Worker.on()."""
        if self._worker is None:
            self._worker = Worker(self)
        return self._worker.on(*types)

    def run_worker(self, queues: Iterable[str] = ("default",), *, concurrency: int = 1,
                   name: Optional[str] = None, lease_s: int = 30, grace_s: float = 30) -> None:
        """Works with the handlers of @worker until SIGTERM or SIGINT."""
        if self._worker is None:
            raise ValueError("no handler: decorate a function with @client.worker(\"type\")")
        self._worker.queues, self._worker.concurrency = list(queues), concurrency
        self._worker.lease_s, self._worker.grace_s = lease_s, grace_s
        if name is not None:
            self._worker.name = name
        self._worker.run()


# ---- worker -----------------------------------------------------------------------

class Job:
    """A job in the hands of a handler."""

    def __init__(self, worker: Worker, got: Dict[str, Json]) -> None:
        self.id: str = got["id"]
        self.type: str = got["type"]
        self.payload: Json = got["payload"]
        self.attempt: int = got["attempt"]
        self.tries: int = got["tries"]
        self.workflow: Optional[str] = got.get("workflow")
        self.traceparent: Optional[str] = got.get("traceparent")
        self.deadline: datetime = datetime.fromisoformat(got["deadline"].replace("Z", "+00:00"))
        self.stop = threading.Event()      # set: cancelled, lost, or the worker ends
        self.cancelled = False
        self.lost = False
        self._token: int = got["token"]
        self._worker = worker
        self._told = 0.0

    def key(self, step: str) -> str:
        """Key for effects outside: the same in every attempt of this job."""
        return f"{self.id}/{step}"

    def progress(self, permille: int, note: str = "") -> None:
        """How far it is, 0 to 1000; at most twice a second is sent. Raises JobLost once the job is
        another's."""
        self.check()
        now = time.monotonic()
        if now - self._told >= 0.5:
            self._told = now
            self._worker._say(self, "progress", {"progress": max(0, min(1000, int(permille))),
                                                 "note": note[:LIMIT_NOTE]})
            self.check()

    def check(self) -> None:
        """Raises JobLost when the job is no longer ours; long work calls it now and then."""
        if self.lost:
            raise JobLost(409, "job_lost", "The job is no longer ours")


Handler = Callable[[Job], Json]


class Worker:
    """Claims jobs and runs handlers in threads; a further thread renews the leases."""

    def __init__(self, client: Client, queues: Iterable[str] = ("default",), *, concurrency: int = 1,
                 name: Optional[str] = None, lease_s: int = 30, grace_s: float = 30) -> None:
        self.client, self.queues, self.concurrency = client, list(queues), concurrency
        self.name = name or f"{socket.gethostname()}/{os.getpid()}"
        self.lease_s, self.grace_s = lease_s, grace_s
        self.handlers: Dict[str, Handler] = {}
        self._held: Dict[str, Job] = {}
        self._threads: List[threading.Thread] = []
        self._lock = threading.Lock()
        self._free = threading.Condition(self._lock)
        self._stopping = threading.Event()
        self._ended = threading.Event()

    def on(self, *types: str) -> Callable[[Handler], Handler]:
        """Decorator: handles jobs of these types. What the function returns is the result (JSON).
        Retry and Fail say what a failure means; any other exception is tried again. Long work looks
        at job.stop; returning None after it was set means that the work was broken off."""
        if not types:
            raise ValueError("name at least one type")

        def register(fn: Handler) -> Handler:
            for t in types:
                self.handlers[t] = fn
            return fn
        return register

    def stop(self) -> None:
        """Claims nothing more; run() returns when the jobs in hand have ended, or after grace_s."""
        self._stopping.set()
        with self._free:
            self._free.notify_all()

    def run(self) -> None:
        """Until stop(), SIGTERM or SIGINT (signals only when called in the main thread)."""
        old = {}
        if threading.current_thread() is threading.main_thread():
            for s in (signal.SIGTERM, signal.SIGINT):
                old[s] = signal.signal(s, lambda *_: self._stopping.set())
        beat = threading.Thread(target=self._beat, name="quincunx-heartbeat", daemon=True)
        beat.start()
        try:
            self._claim_loop()
            self._drain()
        finally:
            self._ended.set()
            beat.join(self.lease_s)
            for s, h in old.items():
                signal.signal(s, h)

    # -- claiming --

    def _claim_loop(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            with self._free:
                self._free.wait_for(lambda: len(self._held) < self.concurrency or self._stopping.is_set(), 0.5)
                room = self.concurrency - len(self._held)
            if room <= 0 or self._stopping.is_set():
                continue
            started = time.monotonic()
            try:
                got = self.client.request("POST", "/jobs/claim", {
                    "queues": self.queues, "types": list(self.handlers), "worker": self.name[:100],
                    "max": min(room, 32), "lease_s": self.lease_s,
                    "wait_s": 2 if self._held else 10}, timeout=self.client._timeout + WAIT_S)["jobs"]
                failures = 0
            except Error as e:
                if e.status in (401, 403, 404, 422):
                    self._stopping.set()
                    raise
                failures += 1
                log.warning("claim: %s", e)
                _sleep(max(e.retry_after, _backoff(failures)), self._stopping)
                continue
            for one in got:
                self._start(Job(self, one))
            if not got and time.monotonic() - started < 0.5:
                _sleep(0.5 + random.random() / 2, self._stopping)   # too many wait already

    def _start(self, job: Job) -> None:
        with self._lock:
            self._held[job.id] = job
        t = threading.Thread(target=self._run, args=(job,), name=f"quincunx-{job.id}", daemon=True)
        self._threads = [x for x in self._threads if x.is_alive()] + [t]
        t.start()

    def _drain(self) -> None:
        """Those that end within the grace are told; the others are asked to stop and given back."""
        end = time.monotonic() + self.grace_s
        while self._held and time.monotonic() < end:
            time.sleep(0.05)
        for job in list(self._held.values()):
            job.stop.set()
            self._end(job, "release", {})

    # -- one job --

    def _run(self, job: Job) -> None:
        log.info("job %s (%s) attempt %d", job.id, job.type, job.attempt)
        try:
            verb, body = self._handle(job)
            self._end(job, verb, body)
        except Exception:                              # never without a trace
            log.exception("job %s", job.id)
        finally:
            self._drop(job)
            self.client.close()

    def _handle(self, job: Job) -> Tuple[str, Dict[str, Json]]:
        try:
            result = self.handlers[job.type](job)
            if result is None and job.stop.is_set():   # broken off
                return "release", {}
            json.dumps(result)                         # a result that is no JSON is a failure
            return "complete", {"result": result}
        except Retry as e:
            return "fail", _failure(e, e.kind, True, e.after)
        except Fail as e:
            return "fail", _failure(e, e.kind, False, 0)
        except JobLost:
            return "", {}
        except Exception as e:
            if job.stop.is_set():
                return "release", {}
            log.warning("job %s: %s: %s", job.id, type(e).__name__, e)
            return "fail", _failure(e, type(e).__name__, True, 0)

    def _end(self, job: Job, verb: str, body: Dict[str, Json]) -> None:
        """Until it is stored, refused, or the lease must have run out. Telling it twice is harmless:
        the token names the start."""
        end, n = time.monotonic() + self.lease_s, 0
        while verb and not job.lost and self._mine(job):
            n += 1
            try:
                self.client.request("POST", f"/jobs/{job.id}/{verb}", {"token": job._token, **body})
                break
            except JobLost:
                log.warning("job %s was lost; its %s was not taken", job.id, verb)
                break
            except Error as e:
                if e.status == 422 and verb == "complete":       # a result too large
                    verb, body = "fail", _failure(e, "result", False, 0)
                elif (e.status not in PASSING and e.status not in (0, 500)) or time.monotonic() > end:
                    log.error("job %s: %s: %s", job.id, verb, e)
                    break
                else:
                    time.sleep(max(e.retry_after, _backoff(n)))
        self._drop(job)

    def _mine(self, job: Job) -> bool:
        return self._held.get(job.id) is job

    def _drop(self, job: Job) -> None:
        with self._free:
            if self._held.get(job.id) is job:
                del self._held[job.id]
            self._free.notify_all()

    # -- leases --

    def _say(self, job: Job, verb: str, body: Dict[str, Json]) -> None:
        try:
            got = self.client.request("POST", f"/jobs/{job.id}/{verb}", {
                "token": job._token, "lease_s": self.lease_s, **body}, repeat=True,
                timeout=max(1.0, self.lease_s / 3))
        except JobLost:
            if self._mine(job):                        # not merely ended by its own thread
                job.lost = True
                job.stop.set()
            return
        except Error as e:
            log.warning("job %s: %s: %s", job.id, verb, e)
            return
        if got["cancel"]:
            job.cancelled = True
            job.stop.set()

    def _beat(self) -> None:
        """A third of the lease between two words about each job."""
        while not self._ended.wait(self.lease_s / 3):
            for job in list(self._held.values()):
                self._say(job, "heartbeat", {})


# ---- small things --------------------------------------------------------------------

def _failure(e: BaseException, kind: str, retry: bool, after: float) -> Dict[str, Json]:
    kind = "".join(c if c.isascii() and (c.isalnum() or c in "._:-") else "_" for c in kind)[:64]
    return {"error": (str(e) or type(e).__name__)[:LIMIT_ERROR], "class": kind or "error",
            "retry": retry, "retry_after_s": int(min(max(after, 0), 604800) + 0.999)}


def _backoff(n: int) -> float:
    """Seconds before the next try: half to whole of 0.2 * 2^(n-1), at most 30."""
    top = min(30.0, 0.2 * 2 ** (min(n, 10) - 1)) if n > 0 else 0.0
    return top / 2 + random.random() * top / 2


def _sleep(seconds: float, stop: Optional[threading.Event]) -> None:
    if stop is None:
        time.sleep(seconds)
    else:
        stop.wait(seconds)


def _time(t: Optional[Time]) -> Optional[str]:
    if isinstance(t, datetime):
        if t.tzinfo is None:
            raise ValueError("a datetime needs a zone")
        return t.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return t


def _sse_parse(lines: Iterable[bytes], stop: Optional[threading.Event]) -> Iterator[Tuple[str, str, Optional[str]]]:
    """(event, data, id) of a text/event-stream, as the HTML standard reads it."""
    name, data, at = "message", [], None       # type: str, List[str], Optional[str]
    for raw in lines:
        if stop is not None and stop.is_set():
            return
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if data:
                yield name, "\n".join(data), at
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id" and "\0" not in value:
            at = value


# ---- command line ------------------------------------------------------------------------

def _program(argv: List[str]) -> Handler:
    """A handler that runs a program: payload on stdin, result from stdout, stderr is the error."""

    def handler(job: Job) -> Json:
        p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env={**os.environ, "QUINCUNX_JOB_ID": job.id, "QUINCUNX_JOB_TYPE": job.type,
                                  "QUINCUNX_JOB_ATTEMPT": str(job.attempt)})
        feed: Optional[bytes] = json.dumps(job.payload).encode()
        while True:
            try:
                out, err = p.communicate(feed, timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                feed = None
                if job.stop.is_set():
                    p.terminate()
        if job.stop.is_set():
            return None
        if p.returncode != 0:
            raise Retry(err.decode("utf-8", "replace").strip()[-500:] or f"exit status {p.returncode}",
                        kind=f"exit-{p.returncode}")
        text = out.decode("utf-8", "replace").strip()
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            return {"output": text}
    return handler


def _command_line() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="quincunx.py", formatter_class=argparse.RawDescriptionHelpFormatter,
                                description=__doc__.split("\n\n")[0], epilog="Credentials: QUINCUNX_API_KEY, or "
                                "QUINCUNX_EMAIL and QUINCUNX_PASSWORD or QUINCUNX_PASSWORD_FILE.")
    p.add_argument("--url", help="by default QUINCUNX_URL, or http://127.0.0.1:8080")
    sub = p.add_subparsers(dest="command", required=True)
    q = sub.add_parser("enqueue", help="enqueue a job and print its id")
    q.add_argument("type")
    q.add_argument("payload", nargs="?", default="{}", help="JSON")
    q.add_argument("--queue")
    q.add_argument("--priority", choices=("critical", "high", "normal", "low"))
    q.add_argument("--user-id")
    q.add_argument("--unique")
    q.add_argument("--run-at")
    q.add_argument("--wait", type=float, metavar="SECONDS", help="wait for its end and print the job")
    w = sub.add_parser("wait", help="wait for a job's end and print it; status 1 unless it succeeded")
    w.add_argument("id")
    w.add_argument("--timeout", type=float)
    k = sub.add_parser("work", help="run a program for each job: payload on stdin, result from stdout")
    k.add_argument("--queue", action="append")
    k.add_argument("--type", action="append", required=True)
    k.add_argument("--concurrency", type=int, default=1)
    k.add_argument("--grace", type=float, default=30)
    k.add_argument("program", nargs="+")
    e = sub.add_parser("events", help="print events as JSON lines")
    e.add_argument("--since", type=int, default=-1)
    e.add_argument("--topics")
    e.add_argument("--sse", action="store_true")
    e.add_argument("--count", type=int, help="end after so many")
    return p


def _run(a: argparse.Namespace, client: Client) -> int:
    if a.command == "enqueue":
        job_id = client.enqueue_job(a.type, a.user_id, json.loads(a.payload), queue=a.queue,
                                    priority=a.priority, unique=a.unique, run_at=a.run_at)
        if a.wait is None:
            print(job_id)
            return 0
        a.id, a.timeout = job_id, a.wait
    if a.command in ("enqueue", "wait"):
        job = client.wait(a.id, a.timeout)
        print(json.dumps(job, indent=1))
        return 0 if job["status"] == "succeeded" else 1
    if a.command == "work":
        worker = Worker(client, a.queue or ["default"], concurrency=a.concurrency, grace_s=a.grace)
        worker.on(*a.type)(_program(a.program))
        worker.run()
        return 0
    for n, event in enumerate(client.events(a.since, a.topics, sse=a.sse), 1):
        print(json.dumps(event), flush=True)
        if n == a.count:
            break
    return 0


def main(argv: Optional[List[str]] = None) -> int:
    a = _command_line().parse_args(argv)
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(message)s")
    try:
        return _run(a, Client.from_env(a.url))
    except (Error, TimeoutError, ValueError) as e:
        print(f"quincunx.py: {e}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130


if __name__ == "__main__":
    sys.exit(main())
