/*
 * The tables behind help and manual pages that nothing else needs: which
 * commands belong together, what to try first, what the programs are. Commands
 * and settings themselves are rows of their modules.
 */
#include "app/manual.h"

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }

const struct manual_group manual_groups[] = {
	{ "Install and look after it", WORDS("setup", "doctor", "status",
	  "config", "migrate", "site", "backup", "restore", "installation",
	  "component", "dependency", "logs", "live") },
	{ "People, keys, audit", WORDS("admin", "user", "key", "audit") },
	{ "Jobs and schedules", WORDS("jobs", "queues", "workers", "leases",
	  "schedules") },
	{ "Events and alerts", WORDS("events", "webhook", "alerts") },
	{ "Stop everything", WORDS("switch") },
	{ "Spot instances", WORDS("spot", "moves", "interruptions") },
	{ "Trading", WORDS("trade") },
	{ "Data in, data out, switching over", WORDS("import", "export",
	  "compat", "demo") },
	{ "About the program", WORDS("help", "man", "completion", "routes",
	  "openapi") },
	{ 0 }
};

const struct manual_example manual_examples[] = {
	{ "setup", "setup --listen 127.0.0.1:8080 --email you@example.org",
	  "A working service of an installed package, as root" },
	{ "doctor", "doctor", "What is wrong, with one remedy each" },
	{ "doctor", "doctor --json", "The same for a program" },
	{ "status", "status --json", "Numbers for a script" },
	{ "config", "config --effective",
	  "Every setting in force, and where it comes from" },
	{ "config", "config --new-key", "A key for ENCRYPTION_KEY" },
	{ "migrate", "migrate --plan", "What an upgrade would change" },
	{ "migrate new", "migrate new spot_region",
	  "For who adds a feature: an empty file of the next number" },
	{ "site", "site nginx --listen 8080", "Configuration for nginx" },
	{ "backup", "backup /var/backups/quincunx.qxb",
	  "Everything, consistent and sealed" },
	{ "restore", "restore --check /var/backups/quincunx.qxb",
	  "Can this file be restored?" },
	{ "logs", "logs --level error --since 1h", "Errors of the last hour" },
	{ "component start", "component start spot.discover", "And what it needs" },
	{ "component stop", "component stop trade.engine",
	  "What needs it is stopped first" },
	{ "component pause", "component pause spot.discover",
	  "It keeps its place until it is resumed" },
	{ "component resume", "component resume spot.discover",
	  "From where it was paused" },
	{ "dependency open", "dependency open aws --reason \"their outage\"",
	  "Nothing waits for it any more" },
	{ "dependency close", "dependency close aws --reason \"a test\"",
	  "Called although it fails" },
	{ "dependency auto", "dependency auto aws", "By its failures again" },
	{ "dependency disable", "dependency disable aws --reason \"a test\"",
	  "Called, and its failures are not counted" },
	{ "user create", "user create ann@example.org --role operator",
	  "One more person" },
	{ "user reset", "user reset ann@example.org",
	  "A link for who forgot the password, or was imported without" },
	{ "user disable", "user disable ann@example.org",
	  "At once, on every host" },
	{ "user enable", "user enable ann@example.org", "May log in again" },
	{ "admin init", "admin init --email you@example.org "
	  "--url https://q.example.org --out admin.json",
	  "Does nothing when there is an admin" },
	{ "key create", "key create ann@example.org --name ci",
	  "A key for a program, shown once" },
	{ "key revoke", "key revoke 0192f0c1-2b3c-7def-8123-456789abcdef",
	  "The id is in `quincunx key list`" },
	{ "audit list", "audit list --action auth.user.create --limit 20",
	  "Who made users" },
	{ "audit verify", "audit verify", "Has nobody touched the audit?" },
	{ "jobs", "jobs --state dead --since 1d", "What failed for good" },
	{ "jobs list", "jobs list --type spot.discover --state running",
	  "What is at work" },
	{ "jobs dead", "jobs dead --since 1d --json", "Yesterday's, for a program" },
	{ "jobs show", "jobs show 0192f0c1-2b3c-7def-8123-456789abcdef",
	  "Attempts, errors, how it came there" },
	{ "jobs cancel", "jobs cancel 0192f0c1-2b3c-7def-8123-456789abcdef",
	  "A running one is asked to stop" },
	{ "jobs retry", "jobs retry 0192f0c1-2b3c-7def-8123-456789abcdef",
	  "Its attempts begin anew" },
	{ "queues pause", "queues pause default", "What runs ends; the rest waits" },
	{ "queues resume", "queues resume default", "Claimed again" },
	{ "jobs actions", "jobs actions retry --reason \"disk full\" "
	  "--state dead --dry-run", "How many would run again" },
	{ "jobs enqueue", "jobs enqueue platform.sweep '{}'", "Run one now" },
	{ "schedules preview", "schedules preview \"0 9 * * 1-5\" "
	  "--zone Europe/Vienna", "When an expression fires" },
	{ "schedules pause", "schedules pause nightly", "Until it is resumed" },
	{ "schedules resume", "schedules resume nightly",
	  "What it missed is not made up for" },
	{ "schedules run", "schedules run nightly",
	  "Once, beside its times" },
	{ "events tail", "events tail --topics 'job.*'", "Follow events" },
	{ "events dead replay", "events dead replay --all",
	  "When what refused them is mended" },
	{ "events dead drop", "events dead drop 4711",
	  "The id is in `quincunx events dead list`" },
	{ "webhook enable", "webhook enable "
	  "0192f0c1-2b3c-7def-8123-456789abcdef", "Its receiver works again" },
	{ "webhook disable", "webhook disable "
	  "0192f0c1-2b3c-7def-8123-456789abcdef", "Its place is kept" },
	{ "alerts silence", "alerts silence 60 \"moving the server\"",
	  "Quiet for an hour" },
	{ "alerts export", "alerts export --declared > quincunx.rules.yml",
	  "Rules for a Prometheus of yours" },
	{ "switch stop", "switch stop --reason \"looks wrong\"",
	  "Nothing acts until it is released" },
	{ "switch release", "switch release --reason \"was a false alarm\"",
	  "What was stopped acts again" },
	{ "spot simulate", "spot simulate trace.json --work 40 --deadline 60",
	  "Forty hours of work within sixty, each policy" },
	{ "spot risk", "spot risk traces.tar.gz --fit 0.6",
	  "Fitted on 60 % of the time, judged on the rest" },
	{ "interruptions", "interruptions --open",
	  "What was taken and is not replaced" },
	{ "moves list", "moves list --state failed",
	  "Moves that need a person" },
	{ "moves show", "moves show 0192f0c1-2b3c-7def-8123-456789abcdef",
	  "Which step, what it tried" },
	{ "moves cancel", "moves cancel 0192f0c1-2b3c-7def-8123-456789abcdef",
	  "Undone backwards, if it can be" },
	{ "moves resume", "moves resume 0192f0c1-2b3c-7def-8123-456789abcdef",
	  "When its cause is mended" },
	{ "trade backtest", "trade backtest cross.json TCS=tcs.csv INFY=infy.csv",
	  "One account, two symbols" },
	{ "trade patterns", "trade patterns bars.csv --chart",
	  "Tops, triangles, channels, levels" },
	{ "trade indicators", "trade indicators bars.csv rsi:14 macd:12,26,9",
	  "Two of them, with parameters" },
	{ "trade sentiment", "trade sentiment --symbol TCS < headlines.txt",
	  "A judgement per line" },
	{ "trade replay", "trade replay 2026-11-27",
	  "Does a day come out the same?" },
	{ "import", "import spot.price prices.csv.gz --dry-run",
	  "What would come in, and what is refused" },
	{ "import", "import auth.user", "The columns of a file of people" },
	{ "import", "import auth.user users.csv",
	  "People of the backend before, with the passwords they have" },
	{ "export", "export spot.account accounts.csv", "Without secrets" },
	{ "demo spot", "demo spot ../shared/data/aws",
	  "Before anything is connected" },
	{ "compat", "compat old-openapi.json",
	  "What a present backend serves that this one does, too" },
	{ "completion", "completion bash > /etc/bash_completion.d/quincunx",
	  "Completion for everybody" },
	{ "man", "man quincunx-worker | man -l -", "Read a page" },
	{ "help", "help jobs", "All that begins with a word" },
	{ "routes", "routes --seed 002", "Paths of one backend before" },
	{ "openapi", "openapi > openapi.json", "For generators of clients" },
	{ 0 }
};

const struct manual_option manual_exits[] = {
	{ "0", "Done; of doctor: nothing is bad; of compat: all is served" },
	{ "1", "It failed, and one line on stderr says why; of status: down; "
	  "of doctor: something is bad; of compat: something differs or is "
	  "missing" },
	{ "2", "The call itself is wrong: unknown command, option or file "
	  "that is not what it should be" },
	{ 0 }
};

const struct manual_option manual_options[] = {
	{ "-c FILE", "Configuration file, instead of QUINCUNX_CONF or the "
	  "usual place" },
	{ "-o KEY=VALUE", "Sets one setting for this run; may be repeated, "
	  "stands before the command" },
	{ "--help", "Help; after a command, about that command" },
	{ "--version", "Version" },
	{ 0 }
};

static const struct manual_option with_conf[] = {
	{ "-c FILE", "Configuration file" },
	{ "-o KEY=VALUE", "Sets one setting for this run; may be repeated" },
	{ "--help, --version", "Says what this is, and ends" },
	{ 0 }
};
static const struct manual_option responder_options[] = {
	{ "-c FILE", "Configuration file" },
	{ "-o KEY=VALUE", "Sets one setting for this run; may be repeated" },
	{ "--listen", "Be the manager of three pools on the sockets of "
	  "fcgi.api.listen, fcgi.slow.listen and fcgi.control.listen" },
	{ "--help, --version", "Says what this is, and ends" },
	{ 0 }
};
static const struct manual_option schedule_options[] = {
	{ "-c FILE", "Configuration file" },
	{ "-o KEY=VALUE", "Sets one setting for this run; may be repeated" },
	{ "--work", "Also run jobs that are ready; none is begun after 55 "
	  "seconds" },
	{ "--help, --version", "Says what this is, and ends" },
	{ 0 }
};
static const struct manual_option manager_signals[] = {
	{ "SIGHUP", "Load the configuration again: new children serve before "
	  "old ones leave; a faulty file keeps the old one in force" },
	{ "SIGTERM", "Finish what has begun, then end" },
	{ 0 }
};

const struct manual_program manual_programs[] = {
	{ "quincunx", "1", "operate an installation of Quincunx",
	  "[-c FILE] [-o KEY=VALUE] COMMAND [ARGUMENT]...",
	  WORDS("Every command is a row of a module's table; this page is "
	  "made from these tables. Commands print tables for people, with "
	  "control bytes of foreign text shown as \\xNN; with --json they "
	  "print JSON for programs. Colours are used on a terminal only, and "
	  "never when NO_COLOR is set to anything.") ,
	  manual_options, NULL, NULL,
	  "quincunx.conf(5), quincunx.fcgi(8), quincunx-worker(8), "
	  "quincunx-live(8), quincunx-schedule(8), quincunx-discover(8), "
	  "quincunx-sweep(8)" },
	{ "quincunx.fcgi", "8", "answer HTTP requests behind a web server",
	  "[-c FILE] [-o KEY=VALUE] --listen",
	  WORDS("One program for every front end. With --listen, or with "
	  "sockets of systemd, it is a manager with three pools: api for what "
	  "is quick, slow for what may take long, control for health and "
	  "metrics, which answer without a database. Started with a FastCGI "
	  "socket as file 0 it is one child of somebody else's manager; "
	  "started as CGI it answers one request.",
	  "quincunx site prints the configuration of the web server in front "
	  "of it. It refuses to run as the web server's user."),
	  responder_options, manager_signals, "fcgi. http.",
	  "quincunx(1), quincunx.conf(5)" },
	{ "quincunx-worker", "8", "run jobs, schedules and control loops",
	  "[-c FILE] [-o KEY=VALUE]",
	  WORDS("A manager with one dispatcher, which hands jobs to children "
	  "of its own, and one process for each control loop. Several hosts "
	  "may run it on one database: leases see to it that a job runs once "
	  "and a loop in one place. A host without daemons uses "
	  "quincunx-schedule instead."),
	  with_conf, manager_signals, "worker. jobs.",
	  "quincunx(1), quincunx-schedule(8), quincunx.conf(5)" },
	{ "quincunx-live", "8", "push events over WebSocket and SSE",
	  "[-c FILE] [-o KEY=VALUE]",
	  WORDS("The gateway of one host. Clients subscribe to topics and "
	  "resume where they were after an interruption; who may see what is "
	  "asked of a helper process that has the database. One per run "
	  "directory."),
	  with_conf, manager_signals, "live.",
	  "quincunx(1), quincunx.conf(5)" },
	{ "quincunx-discover", "8", "take stock of cloud accounts",
	  "[-c FILE] [-o KEY=VALUE]",
	  WORDS("Made for cron: scans every account that is due or was asked "
	  "for, and ends. A run that finds another at work ends quietly."),
	  with_conf, NULL, "spot.",
	  "quincunx(1), quincunx-schedule(8), quincunx.conf(5)" },
	{ "quincunx-schedule", "8", "one turn of what a worker does all the "
	  "time", "[-c FILE] [-o KEY=VALUE] [--work]",
	  WORDS("Made for cron on hosts without daemons: a turn of each "
	  "control loop, delayed jobs whose time has come, jobs of dead "
	  "workers. Once a minute is enough. Where a dispatcher runs, the "
	  "jobs are left to it."),
	  schedule_options, NULL, "jobs.",
	  "quincunx(1), quincunx-worker(8), quincunx.conf(5)" },
	{ "quincunx-sweep", "8", "remove what is old", "[-c FILE] "
	  "[-o KEY=VALUE]",
	  WORDS("Made for cron: removes rows and files whose time of keeping "
	  "is over, in small steps, and puts right what was left lying "
	  "about. A run that finds another at work ends quietly."),
	  with_conf, NULL, NULL, "quincunx(1), quincunx.conf(5)" },
	{ 0 }
};
